#include "onnx/import/diagnostics.h"

#include <fmt/format.h>

#include <utility>

namespace hadron::onnx {
namespace {

constexpr std::size_t kMostWarnings = 100;
constexpr std::size_t kMostUnsupported = 200;

}  // namespace

void Diagnostics::Warn(std::string text) {
  if (warnings_.size() < kMostWarnings) {
    warnings_.push_back(std::move(text));
  } else {
    ++dropped_warnings_;
  }
}

std::vector<std::string> Diagnostics::TakeWarnings() {
  if (dropped_warnings_ > 0) {
    warnings_.push_back(fmt::format("and {} more warnings", dropped_warnings_));
    dropped_warnings_ = 0;
  }
  return std::exchange(warnings_, {});
}

void Diagnostics::AddUnsupported(std::string what, std::string_view where) {
  if (const auto it = index_.find(what); it != index_.end()) {
    ++unsupported_[it->second].uses;
  } else if (unsupported_.size() < kMostUnsupported) {
    index_.emplace(what, unsupported_.size());
    unsupported_.push_back({std::move(what), std::string(where)});
  } else {
    ++dropped_unsupported_;
  }
}

base::Status Diagnostics::Collect(base::Status status) {
  if (status.code() != base::StatusCode::kUnimplemented) return status;
  AddUnsupported(status.message(), "");
  return {};
}

base::Status Diagnostics::Unsupported() const {
  if (unsupported_.empty()) return {};
  std::string text = "the model needs what is not supported: ";
  for (std::size_t i = 0; i < unsupported_.size(); ++i) {
    const Entry& entry = unsupported_[i];
    text += i == 0 ? "" : "; ";
    text += entry.what;
    if (entry.where.empty()) continue;
    text += entry.uses == 1 ? fmt::format(" ({})", entry.where)
                            : fmt::format(" ({} and {} more)", entry.where, entry.uses - 1);
  }
  if (dropped_unsupported_ > 0) text += fmt::format("; and {} more", dropped_unsupported_);
  return base::Unimplemented(std::move(text));
}

}  // namespace hadron::onnx
