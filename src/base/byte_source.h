#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/io_buf.h"
#include "base/status.h"

namespace hadron::base {

/// Bytes that are read piece by piece and need not all be there yet: a file, a buffer, a download
/// under way. What was read may be used, but counts only after Settle has said that it is what the
/// source holds. Thread-safe.
///
///     HADRON_ASSIGN_OR_RETURN(auto file, FileSource::Open("/models/digits/1/model.onnx"));
///     HADRON_ASSIGN_OR_RETURN(IoBuf head, ReadRange(*file, 0, 16));
///     HADRON_RETURN_IF_ERROR(file->Settle());
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  /// Fills `to` from `offset` on, once the bytes are there. INVALID_ARGUMENT beyond the end; else
  /// why they will not come.
  virtual Status Read(std::uint64_t offset, std::span<std::byte> to) const = 0;
  /// Waits until it is known whether everything that was and will be read is right, and says so.
  virtual Status Settle() const = 0;
};

/// A range in memory of its own. INVALID_ARGUMENT when it does not lie inside, before memory is
/// taken.
StatusOr<IoBuf> ReadRange(const ByteSource& source, std::uint64_t offset, std::uint64_t count);

/// Bytes in memory.
class BufferSource final : public ByteSource {
 public:
  explicit BufferSource(const IoBuf& bytes) : bytes_(bytes.Flatten()) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Status Read(std::uint64_t offset, std::span<std::byte> to) const override;
  Status Settle() const override { return {}; }

 private:
  const IoBuf bytes_;
};

/// A regular file of this machine. It is read and never mapped: a file that shrinks would then end
/// the process. Settles when the file has not been written since it was opened.
class FileSource final : public ByteSource {
 public:
  /// NOT_FOUND when it cannot be opened, INVALID_ARGUMENT when it is no regular file.
  static StatusOr<std::shared_ptr<const FileSource>> Open(const std::string& path);
  /// Takes an open file. `info` is what fstat says of it.
  FileSource(int fd, const struct stat& info) : fd_(fd), info_(info) {}
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::uint64_t size() const override { return static_cast<std::uint64_t>(info_.st_size); }
  Status Read(std::uint64_t offset, std::span<std::byte> to) const override;
  Status Settle() const override;

 private:
  const int fd_;
  const struct stat info_;
};

/// Reads all of `to` from an open file. UNAVAILABLE when it ends before or cannot be read.
Status ReadFileAt(int fd, std::uint64_t offset, std::span<std::byte> to);

}  // namespace hadron::base
