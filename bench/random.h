#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace hadron::bench {

/// xoshiro256**, seeded by SplitMix64: the same numbers on every machine and from every standard
/// library, so that a seed names its inputs. A uniform random bit generator for std::shuffle only;
/// the distributions of the standard library differ between implementations.
class Random {
 public:
  using result_type = std::uint64_t;

  explicit Random(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15U;
      std::uint64_t mixed = seed;
      mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
      mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
      word = mixed ^ (mixed >> 31U);
    }
  }

  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return std::numeric_limits<std::uint64_t>::max(); }

  std::uint64_t operator()() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// In [0, 1).
  double Uniform() { return static_cast<double>((*this)() >> 11U) * 0x1p-53; }
  /// In [0, bound).
  std::uint64_t Below(std::uint64_t bound) {
    return static_cast<std::uint64_t>(Uniform() * static_cast<double>(bound));
  }
  double Exponential(double mean) { return -mean * std::log1p(-Uniform()); }

  /// Mean 0, variance 1, nearly normal: the sum of four uniform numbers out of one draw. Weights
  /// of a gigabyte are drawn in a second, and no test looks at the tails.
  float Normal() {
    const std::uint64_t bits = (*this)();
    std::int32_t sum = 0;
    for (unsigned i = 0; i < 4; ++i) {
      sum += static_cast<std::int32_t>((bits >> (16U * i)) & 0xffffU);
    }
    constexpr float kDeviation = 65536.0F * 0.57735027F;  // of four: sqrt(4 / 12)
    return (static_cast<float>(sum) - 2.0F * 65535.0F) / kDeviation;
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

/// In place; std::shuffle is free to draw as it likes.
template <typename T>
void Shuffle(std::vector<T>& values, Random& random) {
  for (std::size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[random.Below(i)]);
  }
}

/// Popularity: the thing at rank k is asked for in proportion to (k+1)^-s; ranks are shuffled.
class Zipf {
 public:
  Zipf(std::size_t things, double s, Random& random) {
    double sum = 0;
    for (std::size_t k = 0; k < things; ++k) {
      sum += std::pow(static_cast<double>(k + 1), -s);
      cumulative_.push_back(sum);
      things_.push_back(k);
    }
    Shuffle(things_, random);
  }

  std::size_t Draw(Random& random) const {
    const double at = random.Uniform() * cumulative_.back();
    const auto found = std::ranges::upper_bound(cumulative_, at);
    const auto rank = static_cast<std::size_t>(found - cumulative_.begin());
    return things_[std::min(rank, things_.size() - 1)];
  }
  /// So many, each thing as often as the law says, to within one, in random order: for what is
  /// compared with another draw, where a few of the dear ones more or less would tell.
  std::vector<std::size_t> Mix(std::size_t count, Random& random) const {
    const double step = cumulative_.back() / static_cast<double>(std::max<std::size_t>(count, 1));
    double at = random.Uniform() * step;
    std::vector<std::size_t> drawn;
    for (std::size_t rank = 0; drawn.size() < count; at += step) {
      while (rank + 1 < things_.size() && cumulative_[rank] <= at) ++rank;
      drawn.push_back(things_[rank]);
    }
    Shuffle(drawn, random);
    return drawn;
  }
  /// From the most popular on.
  const std::vector<std::size_t>& by_rank() const { return things_; }

 private:
  std::vector<double> cumulative_;
  std::vector<std::size_t> things_;
};

}  // namespace hadron::bench
