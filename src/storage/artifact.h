#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/arrival.h"
#include "base/byte_source.h"
#include "base/status.h"
#include "storage/object_store.h"

namespace hadron::storage {

/// A copy of an object on this machine's disk, which may still be on its way: who reads waits for
/// what it needs. Every byte is written once and the checksum is taken of what the file has, so
/// what was read early is what is verified at the end. The file lives as long as this, whatever
/// becomes of its name. Thread-safe.
class Artifact final : public base::ByteSource {
 public:
  /// Takes an open file of so many bytes.
  Artifact(int fd, std::uint64_t size) : fd_(fd), arrival_(size) {}
  ~Artifact() override;
  Artifact(const Artifact&) = delete;
  Artifact& operator=(const Artifact&) = delete;

  std::uint64_t size() const override { return arrival_.size(); }
  base::Status Read(std::uint64_t offset, std::span<std::byte> to) const override;
  base::Status Settle() const override { return arrival_.WaitForEnd(); }

  base::Arrival& arrival() const { return arrival_; }
  /// What has not been written yet of the range.
  base::Status Write(std::uint64_t offset, std::span<const std::byte> bytes) const;
  /// Of bytes that are there, for who brings them.
  base::Status ReadBack(std::uint64_t offset, std::span<std::byte> to) const;

 private:
  const int fd_;
  mutable base::Arrival arrival_;
};

/// Fetches into an artifact. Externally synchronised.
class ArtifactTarget final : public FetchTarget {
 public:
  explicit ArtifactTarget(const Artifact& artifact) : artifact_(artifact) {}

  base::Status Begin(std::uint64_t size) override;
  base::Status Write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return artifact_.Write(offset, bytes);
  }
  base::Status Read(std::uint64_t offset, std::span<std::byte> to) override {
    return artifact_.ReadBack(offset, to);
  }
  bool MayStartOver() override {
    used_ = !artifact_.arrival().Restart();
    return !used_;
  }
  std::optional<base::Arrival::Range> TakeWanted() override {
    return artifact_.arrival().TakeWanted();
  }
  /// Wrong bytes came and had been read: the object and what was made of it are worth a new start.
  bool used() const { return used_; }

 private:
  const Artifact& artifact_;
  bool used_ = false;
};

}  // namespace hadron::storage
