#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "device/device.h"
#include "plan/shared_segments.h"
#include "plan/weight_image.h"

namespace hadron::model {

class ImageFiles;

/// The packed weights of a version on this machine's disk, in a file without a name: nobody else
/// can change it, and it goes with the object, or with the process. Immutable; thread-safe.
class ImageFile {
 public:
  ~ImageFile();
  ImageFile(const ImageFile&) = delete;
  ImageFile& operator=(const ImageFile&) = delete;

  /// The bytes, in host memory that is booked to `owner` before it is taken; what others hold
  /// already is not read, and what is read is theirs to share. `table` is that of the image that
  /// was written. RESOURCE_EXHAUSTED: host memory; UNAVAILABLE: the disk, also when it gives other
  /// bytes back than it was given.
  base::StatusOr<std::shared_ptr<const plan::WeightImage>> Read(const plan::WeightImage& table,
                                                                device::Device& host,
                                                                const std::string& owner,
                                                                plan::SharedSegments& shared) const;
  std::uint64_t bytes() const { return bytes_; }

 private:
  friend class ImageFiles;
  ImageFile(ImageFiles& files, int fd, std::uint64_t bytes)
      : files_(files), fd_(fd), bytes_(bytes) {}

  ImageFiles& files_;
  const int fd_;
  const std::uint64_t bytes_;
};

/// Where image files lie, and how many bytes of them there may be. Outlives them. Thread-safe;
/// blocks (load threads only).
class ImageFiles {
 public:
  /// `directory`: "" = nowhere.
  ImageFiles(std::string directory, std::uint64_t budget)
      : directory_(std::move(directory)), budget_(budget) {}

  /// RESOURCE_EXHAUSTED beyond the budget, UNAVAILABLE when the disk does not take it.
  base::StatusOr<std::shared_ptr<const ImageFile>> Write(const plan::WeightImage& image);

 private:
  friend class ImageFile;

  const std::string directory_;
  const std::uint64_t budget_;
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace hadron::model
