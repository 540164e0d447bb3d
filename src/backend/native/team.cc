#include "backend/native/team.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <system_error>

namespace hadron::backend::native {
namespace {

/// Small enough that a late helper finds something left to do, large enough to stream weights.
constexpr std::int64_t kChunksPerThread = 4;
constexpr std::int64_t kMaxChunks = 0xffff;

/// Longer than the steps between two jobs of a run, shorter than anyone would miss. Sleeping costs
/// a wake-up of tens of microseconds on a virtual machine; spinning takes the core from others.
constexpr std::chrono::microseconds kPatience{50};
constexpr int kLooksPerClock = 32;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

/// Spins until `ready` or patience ends; true when ready.
template <typename Ready>
bool Watch(const Ready& ready) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  do {
    for (int i = 0; i < kLooksPerClock; ++i) {
      if (ready()) return true;
      Pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

}  // namespace

Team& Team::OfThisThread() {
  thread_local Team team;
  return team;
}

Team::~Team() {
  stop_.store(true);
  number_.fetch_add(1);
  number_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::StartHelpers(std::size_t wanted) {
  while (threads_.size() < wanted) {
    try {
      threads_.emplace_back([this, index = static_cast<int>(threads_.size())] { Help(index); });
    } catch (const std::system_error&) {
      return;  // no thread left on this machine: whoever is there does the work
    }
  }
}

void Team::Run(int threads, std::int64_t items, Body body, const void* context) {
  StartHelpers(static_cast<std::size_t>(threads - 1));
  const std::int64_t chunks = std::min({items, threads * kChunksPerThread, kMaxChunks});
  body_.store(body, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  items_.store(items, std::memory_order_relaxed);
  chunks_.store(chunks, std::memory_order_relaxed);
  helpers_.store(threads - 1, std::memory_order_relaxed);
  finished_.store(0, std::memory_order_relaxed);
  const std::uint32_t number = number_.load(std::memory_order_relaxed) + 1;
  ticket_.store(std::uint64_t{number} << 32 | static_cast<std::uint64_t>(chunks) << 16,
                std::memory_order_release);
  number_.store(number);
  number_.notify_all();
  std::uint32_t own = 0;
  while (TakeChunk(number, false)) ++own;
  AwaitHelpers(static_cast<std::uint32_t>(chunks) - own);
}

bool Team::TakeChunk(std::uint32_t number, bool from_back) {
  Job job{ticket_.load(std::memory_order_acquire)};
  while (job.Number() == number && !job.Empty()) {
    const Body body = body_.load(std::memory_order_relaxed);
    const void* context = context_.load(std::memory_order_relaxed);
    const std::int64_t items = items_.load(std::memory_order_relaxed);
    const std::int64_t chunks = chunks_.load(std::memory_order_relaxed);
    const std::int64_t chunk = job.Chunk(from_back);
    if (!ticket_.compare_exchange_weak(job.ticket, job.WithoutIt(from_back),
                                       std::memory_order_acq_rel)) {
      continue;
    }
    body(context, items * chunk / chunks, items * (chunk + 1) / chunks);
    return true;
  }
  return false;
}

void Team::AwaitHelpers(std::uint32_t taken) {
  const auto done = [&] { return finished_.load(std::memory_order_acquire) == taken; };
  if (Watch(done)) return;
  for (std::uint32_t seen = finished_.load(); seen != taken; seen = finished_.load()) {
    finished_.wait(seen);
  }
}

void Team::Help(int index) {
  pthread_setname_np(pthread_self(), "team");
  std::uint32_t seen = 0;
  while (!stop_.load(std::memory_order_relaxed)) {
    const auto changed = [&] { return number_.load(std::memory_order_acquire) != seen; };
    if (!Watch(changed)) number_.wait(seen);
    seen = number_.load(std::memory_order_acquire);
    if (index >= helpers_.load(std::memory_order_relaxed)) continue;
    while (TakeChunk(seen, index % 2 == 0)) {
      finished_.fetch_add(1, std::memory_order_acq_rel);
      finished_.notify_one();
    }
  }
}

}  // namespace hadron::backend::native
