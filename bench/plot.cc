#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "bench/report.h"
#include "report/svg.h"
#include "report/text_table.h"

namespace hadron::bench {
namespace {

using report::Point;
using report::SvgWriter;

constexpr double kWidth = 960;
constexpr double kLeft = 430;  ///< where the scale begins: names are on its left
constexpr double kRight = 90;
constexpr double kTop = 44;
constexpr double kRow = 22;
constexpr double kFoot = 64;
constexpr double kText = 11;
constexpr std::size_t kNameColumns = 62;
constexpr std::size_t kCaptionColumns = 140;

constexpr std::string_view kBar = "#9db8d8";
constexpr std::string_view kInk = "#333";
constexpr std::string_view kFaint = "#ccc";

std::string_view StatusColour(const Check* check) {
  constexpr std::string_view kColours[] = {"#1a7f37", "#c62828", "#b07d00", "#888"};
  return check == nullptr ? "#888" : kColours[static_cast<std::size_t>(check->status)];
}

/// The scale is logarithmic: ratios go from hundredths to dozens, and 0.5 is as far from 1 as 2 is.
class Scale {
 public:
  explicit Scale(const CaseReport& c) {
    for (const Ratio& r : c.result.ratios) {
      for (const double value : r.ratios) Take(value);
    }
    for (const Check& check : c.checks) Take(check.goal.value);
    low_ = std::floor(low_);
    high_ = std::max(low_ + 1, std::ceil(high_));
  }

  double X(double value) const {
    const double at = value > 0 ? std::clamp(std::log10(value), low_, high_) : low_;
    return kLeft + (at - low_) / (high_ - low_) * (kWidth - kLeft - kRight);
  }
  int low() const { return static_cast<int>(low_); }
  int high() const { return static_cast<int>(high_); }

 private:
  void Take(double value) {
    if (!(value > 0) || !std::isfinite(value)) return;
    low_ = std::min(low_, std::log10(value));
    high_ = std::max(high_, std::log10(value));
  }

  double low_ = 0;
  double high_ = 0;
};

void DrawScale(SvgWriter& svg, const Scale& scale, double bottom) {
  for (int power = scale.low(); power <= scale.high(); ++power) {
    for (const int step : {1, 2, 5}) {
      if (power == scale.high() && step > 1) break;
      const double value = step * std::pow(10.0, power);
      const double x = scale.X(value);
      svg.Line({{x, kTop - 4}, {x, bottom}}, value == 1 ? kInk : kFaint, false);
      svg.Text({x - 6, kTop - 8}, fmt::format("{:g}", value), {.size = 9});
    }
  }
}

void DrawRatio(SvgWriter& svg, const Scale& scale, const Ratio& r, const Check* check, double y) {
  const std::string name = NameOf(r);
  svg.Text({8, y + kText + 2}, report::Shorten(name, kNameColumns), {.size = kText});
  const auto [low, high] = std::ranges::minmax(r.ratios);
  const double median = Median(r.ratios);
  const double from = scale.X(1);
  const double to = scale.X(median);
  const std::string tooltip = fmt::format("{}: {:.3f} ({:.3f} to {:.3f})", name, median, low, high);
  svg.Rect({std::min(from, to), y + 3}, std::max(1.0, std::abs(to - from)), kRow - 8, kBar, kInk,
           tooltip);
  const double middle = y + kRow / 2 - 1;
  svg.Line({{scale.X(low), middle}, {scale.X(high), middle}}, kInk, false);
  for (const double end : {low, high}) {
    svg.Line({{scale.X(end), middle - 4}, {scale.X(end), middle + 4}}, kInk, false);
  }
  svg.Text({kWidth - kRight + 8, y + kText + 2}, fmt::format("{:.3f}", median),
           {.size = kText, .bold = check != nullptr, .fill = StatusColour(check)});
  if (check == nullptr) return;
  const double goal = scale.X(check->goal.value);
  svg.Rect({goal - 1.5, y}, 3, kRow - 2, StatusColour(check), "",
           fmt::format("goal {}: {}", check->goal.ToString(), CheckStatusName(check->status)));
}

}  // namespace

std::string ReportPlot(const RunReport& run, const CaseReport& c) {
  std::vector<const Ratio*> rows;
  for (const Ratio& ratio : c.result.ratios) {
    if (!ratio.ratios.empty()) rows.push_back(&ratio);
  }
  if (rows.empty()) return "";
  const double bottom = kTop + kRow * static_cast<double>(rows.size());
  SvgWriter svg(kWidth, bottom + kFoot);
  svg.Text({8, 18}, c.name, {.size = 14, .bold = true});
  const Scale scale(c);
  DrawScale(svg, scale, bottom);
  double y = kTop;
  std::size_t rounds = 0;
  for (const Ratio* ratio : rows) {
    const auto check = std::ranges::find(c.checks, NameOf(*ratio), &Check::ratio);
    DrawRatio(svg, scale, *ratio, check == c.checks.end() ? nullptr : &*check, y);
    rounds = std::max(rounds, ratio->ratios.size());
    y += kRow;
  }
  const RunFacts& f = run.facts;
  svg.Text({8, bottom + 20},
           "bar: median, whisker: least and largest round, mark: goal (green holds, red fails, "
           "amber cannot be told)",
           {.size = 9});
  svg.Text({8, bottom + 36},
           fmt::format("commit {}{}, {} rounds, seed {}, profile {}, {}",
                       f.commit.empty() ? "unknown" : f.commit, f.dirty ? " with changes" : "",
                       rounds, f.seed, f.profile, f.utc),
           {.size = 9});
  svg.Text({8, bottom + 52}, report::Shorten(run.machine.Line(), kCaptionColumns), {.size = 9});
  return std::move(svg).Finish();
}

}  // namespace hadron::bench
