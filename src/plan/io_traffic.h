#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend/kernel.h"
#include "base/io_buf.h"
#include "device/device.h"
#include "plan/execution_plan.h"

namespace hadron::plan {

/// A place in the device's memory, outside of all arenas.
struct DeviceSpan {
  device::DeviceBuffer* buffer = nullptr;  ///< null: none
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::shared_ptr<const void> hold = nullptr;  ///< keeps it from being given to others

  DeviceSpan Sub(std::uint64_t from, std::uint64_t count) const {
    return {buffer, offset + from, count, hold};
  }
};

/// One input of a run: the requests' tensors in order, each a chain of bytes, concatenated along
/// the batch dimension (string tensors in wire form).
struct RunInput {
  std::vector<base::IoBuf> parts;
  std::vector<std::int64_t> elements;  ///< by part; needed for strings only
  /// By part: where it is, if on the device; its bytes are not looked at then. Empty: all parts are
  /// in host memory.
  std::vector<DeviceSpan> on_device = {};

  std::uint64_t PartBytes(std::size_t part) const {
    return IsOnDevice(part) ? on_device[part].bytes : parts[part].size();
  }
  bool IsOnDevice(std::size_t part) const {
    return part < on_device.size() && on_device[part].buffer != nullptr;
  }
};

/// The step that alone reads this input of the plan, in one piece, and whose kernel takes it
/// wherever in host memory it lies.
std::optional<std::size_t> SoleReader(const ExecutionPlan& plan, std::uint32_t tensor);

/// A part of an output that is to stay on the device.
struct KeptPart {
  std::size_t output = 0;   ///< of the graph
  std::uint64_t first = 0;  ///< byte of the output
  DeviceSpan to;
};

/// What of a run's inputs comes from the device's own memory, and what of its outputs stays there,
/// without a way through the host. Made for one run; belongs to it.
class IoTraffic {
 public:
  IoTraffic() = default;
  /// `unread`: by output, whether nobody wants it in host memory; empty: all are wanted. Only
  /// outputs that `plan.ends` names may be kept.
  IoTraffic(const ExecutionPlan& plan, std::span<const RunInput> inputs,
            std::span<const KeptPart> kept, const std::vector<bool>& unread);

  bool empty() const { return in_.empty() && out_.empty() && fetched_.empty(); }
  /// Brings what host kernels read into the I/O region; before the inputs are gathered.
  void EnqueueFetches(device::Stream& stream, device::DeviceBuffer& io) const;
  /// An upload of a part of the I/O region, and a download into it.
  void EnqueueUpload(device::Stream& stream, const backend::BufferView& from,
                     const backend::BufferView& to) const;
  void EnqueueDownload(device::Stream& stream, const backend::BufferView& from,
                       const backend::BufferView& to) const;

 private:
  /// Bytes of the I/O region, and where on the device they are or are to be.
  struct Piece {
    std::uint64_t at = 0;
    DeviceSpan span;
    std::uint64_t end() const { return at + span.bytes; }
  };
  void AddInput(const ExecutionPlan& plan, std::size_t number, const RunInput& input);
  void AddPadding(const ExecutionPlan& plan, std::size_t number, const Piece& last);

  std::vector<Piece> in_;  ///< in the order of the I/O region
  std::vector<Piece> out_;
  std::vector<Piece> fetched_;
  std::vector<std::uint64_t> unread_;  ///< where these outputs begin in the I/O region
};

/// Which inputs and outputs of the plan nothing on the host touches. Pure.
DeviceEnds FindDeviceEnds(const ExecutionPlan& plan);

}  // namespace hadron::plan
