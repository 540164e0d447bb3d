// How tensors that runs have left on the device come to the host: for who cannot take them there,
// and when models want their memory.
#include <utility>

#include "serving/device_scheduler.h"

namespace hadron::serving {

using base::Status;
using base::StatusOr;
using tensor::HostTensor;

void DeviceScheduler::BringHome(std::vector<HostTensor> tensors, OnHome done) {
  {
    base::MutexLock lock(mutex_);
    if (!stopping_) {
      homecomings_.push_back({std::move(tensors), std::move(done)});
      return Notify();
    }
  }
  done(base::Unavailable("Server exiting", base::RefusalCause::kDraining));
}

void DeviceScheduler::Return(Homecoming homecoming) {
  KeptRefs away;
  for (const HostTensor& tensor : homecoming.tensors) {
    if (tensor.remote == nullptr) continue;
    away.push_back(std::static_pointer_cast<const KeptTensor>(tensor.remote));
  }
  Fetch(std::move(away), [tensors = std::move(homecoming.tensors),
                          done = std::move(homecoming.done)](Status status) mutable {
    if (!status.ok()) return done(std::move(status));
    for (HostTensor& tensor : tensors) {
      if (tensor.remote == nullptr) continue;
      tensor.bytes = static_cast<const KeptTensor&>(*tensor.remote).home();
      tensor.remote.reset();
    }
    done(std::move(tensors));
  });
}

/// Of tensors that are not home. Those that cannot be read are not tried again, and nobody waits
/// for the room any more: it comes back when whoever reads them has ended.
void DeviceScheduler::Fetch(KeptRefs tensors, base::UniqueFunction<void(Status)> done) {
  std::vector<plan::DeviceSpan> places;
  std::erase_if(tensors, [&places](const auto& tensor) {
    plan::DeviceSpan place = tensor->place();
    const bool is_home = place.buffer == nullptr;
    if (!is_home) places.push_back(std::move(place));
    return is_home;
  });
  if (tensors.empty()) return done({});
  {
    base::MutexLock lock(mutex_);
    ++running_;
    ++coming_home_;
  }
  deps_.lanes.front()->Fetch(std::move(places),
                             [this, tensors = std::move(tensors), done = std::move(done)](
                                 StatusOr<std::vector<base::IoBuf>> fetched) mutable {
                               for (std::size_t i = 0; i < tensors.size(); ++i) {
                                 if (fetched.ok()) {
                                   tensors[i]->ComeHome(std::move((*fetched)[i]));
                                 } else {
                                   tensors[i]->SetReadable(false);
                                 }
                               }
                               done(fetched.ok() ? Status() : std::move(fetched).status());
                               tensors.clear();
                               {
                                 base::MutexLock lock(mutex_);
                                 --coming_home_;
                               }
                               Finished();
                             });
}

/// Runs that write into the room or read there end first: their tensors are found when they have.
void DeviceScheduler::FindStaying(Turn& turn) {
  if (!room_wanted_back_ || coming_home_ > 0) return;
  kept_.Release(deps_.clock->Now());
  turn.staying = kept_.Staying();
  room_wanted_back_ = kept_.leaving();
}

/// Of what is free: nobody leaves for it, and nobody waits.
void DeviceScheduler::FindRoom(std::uint64_t bytes) {
  const base::TimePoint now = deps_.clock->Now();
  const std::uint64_t missing = kept_.MissingRoom(bytes, now);
  if (missing == 0) return;
  if (auto place = deps_.residency->TakeSpare(missing)) {
    kept_.GiveRoom(*std::move(place));
  } else {
    kept_.Refused(now);
  }
}

}  // namespace hadron::serving
