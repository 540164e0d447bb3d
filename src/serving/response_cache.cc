#include "serving/response_cache.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace hadron::serving {
namespace {

using tensor::HostTensor;

/// What an entry takes besides its bytes, about.
constexpr std::uint64_t kPerEntry = 256;
constexpr std::uint64_t kPerOutput = 128;

/// Feeds a hash so that no two requests give it the same bytes: every text comes with its length,
/// every list with its count.
class Writer {
 public:
  void Number(std::uint64_t value) { sha_.Update(std::as_bytes(std::span(&value, 1))); }
  void Text(std::string_view text) {
    Number(text.size());
    sha_.Update(std::as_bytes(std::span(text)));
  }
  void Bytes(const base::IoBuf& bytes) {
    Number(bytes.size());
    for (const base::IoBuf::Slice& slice : bytes.slices()) sha_.Update(slice.bytes);
  }
  void Value(const ParameterValue& value) {
    Number(value.index());
    std::visit(
        [this](const auto& held) {
          if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::string>) {
            Text(held);
          } else {
            sha_.Update(std::as_bytes(std::span(&held, 1)));
          }
        },
        value);
  }
  base::Sha256Digest Finish() { return sha_.Finish(); }

 private:
  base::Sha256 sha_;
};

void WriteInput(Writer& writer, const HostTensor& input) {
  writer.Text(input.desc.name);
  writer.Number(static_cast<std::uint64_t>(input.desc.type));
  writer.Number(input.desc.shape.rank());
  for (const std::int64_t dim : input.desc.shape.dims()) {
    writer.Number(static_cast<std::uint64_t>(dim));
  }
  writer.Bytes(input.bytes);
}

std::uint64_t Ns(base::Duration duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration.count()));
}

void CountMiss(const model::ModelVersion& version, base::Duration took) {
  version.statistics().RecordCacheMiss(Ns(took));
  version.metrics().cache_misses.Add();
  version.metrics().cache_miss_ns.Add(Ns(took));
}

}  // namespace

ResponseCache::Key ResponseCache::KeyOf(const InferenceRequest& request, std::uint64_t generation) {
  Writer writer;
  writer.Number(generation);
  writer.Text(request.model->name());
  writer.Number(static_cast<std::uint64_t>(request.model->version()));
  writer.Number(request.inputs.size());
  Key key{request.model.get(), {}, 0};
  for (const HostTensor& input : request.inputs) {
    WriteInput(writer, input);
    key.input_bytes += input.bytes.size();
  }
  writer.Number(request.requested_outputs.size());
  for (const std::string& name : request.requested_outputs) writer.Text(name);
  writer.Number(request.parameters.size());
  for (const auto& [name, value] : request.parameters) {
    writer.Text(name);
    writer.Value(value);
  }
  key.digest = writer.Finish();
  return key;
}

std::optional<ResponseCache::Hit> ResponseCache::Look(Pending& pending, std::uint64_t generation) {
  const base::TimePoint began = clock_.Now();
  const Key key = KeyOf(pending.request, generation);
  auto hit = Find(key);
  const base::Duration took = clock_.Now() - began;
  if (hit) {
    hit->took = took;
    return hit;
  }
  // Answers that wait for their turn outlive their request: the handle keeps the version.
  pending.done = [this, key, took, version = pending.request.model,
                  done = std::move(pending.done)](InferenceResponse response) mutable {
    if (response.status.ok()) {
      const base::TimePoint answered = clock_.Now();
      Insert(key, response.outputs, response.labels);
      CountMiss(*version, took + (clock_.Now() - answered));
    }
    version.reset();
    done(std::move(response));
  };
  return std::nullopt;
}

std::optional<ResponseCache::Hit> ResponseCache::Find(const Key& key) {
  base::MutexLock lock(mutex_);
  const auto at = index_.find(key);
  if (at == index_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, at->second);
  return Hit{at->second->outputs, at->second->labels};
}

std::uint64_t ResponseCache::BytesOf(const std::vector<HostTensor>& outputs) {
  std::uint64_t bytes = kPerEntry;
  for (const HostTensor& output : outputs) {
    bytes += kPerOutput + output.desc.name.size() + output.bytes.size();
  }
  return bytes;
}

void ResponseCache::Insert(const Key& key, const std::vector<HostTensor>& outputs,
                           BorrowedLabels labels) {
  Entry entry{key, {}, std::move(labels), BytesOf(outputs)};
  if (entry.bytes > budget_) return;
  for (const HostTensor& output : outputs) {
    std::vector<std::byte> bytes(output.bytes.size());
    output.bytes.CopyTo(bytes);
    entry.outputs.push_back({output.desc, base::IoBuf::FromVector(std::move(bytes))});
  }
  base::MutexLock lock(mutex_);
  if (index_.contains(key)) return;  // the same request ran twice at the same time
  while (bytes_ + entry.bytes > budget_) Drop(std::prev(entries_.end()));
  bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  index_.emplace(key, entries_.begin());
}

void ResponseCache::Drop(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  index_.erase(entry->key);
  entries_.erase(entry);
}

void ResponseCache::Forget(const model::ModelVersion& version) {
  base::MutexLock lock(mutex_);
  // The version stands first in a key, so its keys are next to each other.
  auto at = index_.lower_bound(Key{&version, {}, 0});
  while (at != index_.end() && at->first.version == &version) Drop((at++)->second);
}

ResponseCache::Counts ResponseCache::counts() const {
  base::MutexLock lock(mutex_);
  return {bytes_, entries_.size()};
}

}  // namespace hadron::serving
