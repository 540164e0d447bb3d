#include "cli/push/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/strings.h"
#include "cli/printable.h"

namespace hadron::cli::push {
namespace {

constexpr std::size_t kCells = 24;
constexpr std::chrono::milliseconds kRedraw{100};
constexpr const char* kClearLine = "\r\x1b[K";

}  // namespace

std::string ProgressLine(const std::string& file, std::uint64_t done, std::uint64_t total,
                         double seconds) {
  const double share = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
  const auto full = std::min(kCells, static_cast<std::size_t>(share * kCells));
  std::string line =
      fmt::format("[{:#<{}}{:.<{}}] {:3.0f} %  {} of {}", "", full, "", kCells - full, share * 100,
                  base::HumanBytes(done), base::HumanBytes(total));
  if (seconds > 0.5 && done > 0) {
    const double rate = static_cast<double>(done) / seconds;
    line += fmt::format(", {}/s, {:.0f} s left", base::HumanBytes(static_cast<std::uint64_t>(rate)),
                        static_cast<double>(total - std::min(done, total)) / rate);
  }
  return line + "  " + Printable(file);
}

void Progress::Begin(std::uint64_t total) { total_ = total; }

void Progress::Show(const std::string& file, std::uint64_t done) {
  if (!terminal_) return;
  const base::TimePoint now = clock_.Now();
  if (shown_ && now - drawn_ < kRedraw) return;
  drawn_ = now;
  shown_ = true;
  Draw(file, before_ + done);
}

void Progress::Draw(const std::string& file, std::uint64_t done) {
  const double seconds = std::chrono::duration<double>(clock_.Now() - began_).count();
  out_ << kClearLine << ProgressLine(file, done, total_, seconds) << std::flush;
}

void Progress::Sent(const std::string& file, std::uint64_t bytes) {
  before_ += bytes;
  if (!terminal_) out_ << fmt::format("sent {} ({})\n", Printable(file), base::HumanBytes(bytes));
}

void Progress::End() {
  if (terminal_ && shown_) out_ << kClearLine << std::flush;
}

}  // namespace hadron::cli::push
