#include "bench/agreement.h"

#include <fmt/format.h>

#include <cmath>
#include <random>

#include "base/bytes.h"

namespace hadron::bench {
namespace {

constexpr double kTolerance = 5e-6;

std::string RandomBytes(const tensor::TensorDesc& desc, std::mt19937& random) {
  std::string bytes;
  const auto append = [&bytes](auto value) {
    const auto raw = std::as_bytes(std::span(&value, 1));
    bytes.append(base::AsText(raw));
  };
  std::normal_distribution<float> normal;
  for (std::int64_t i = 0; i < desc.shape.elements(); ++i) {
    switch (desc.type) {
      case tensor::DataType::kFp32:
        append(std::abs(normal(random)) + 1.0F);
        break;
      case tensor::DataType::kInt32:
        append(static_cast<std::int32_t>(random() % 100));
        break;
      default:
        append(static_cast<std::int64_t>(random() % 100));
        break;
    }
  }
  return bytes;
}

}  // namespace

std::vector<std::string> RandomInputs(const std::vector<tensor::TensorDesc>& inputs) {
  std::mt19937 random(1);
  std::vector<std::string> bytes;
  for (const auto& desc : inputs) bytes.push_back(RandomBytes(desc, random));
  return bytes;
}

base::Status CheckAgreement(const std::vector<tensor::HostTensor>& ours,
                            const std::vector<std::string>& theirs, const std::string& what) {
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const base::IoBuf mine = ours[i].bytes.Flatten();
    if (mine.size() != theirs[i].size()) return base::Internal(what + ": outputs differ in size");
    if (ours[i].desc.type != tensor::DataType::kFp32) {
      if (mine.ToString() != theirs[i]) return base::Internal(what + ": outputs differ");
      continue;
    }
    const auto a = base::AsArray<float>(mine.bytes());
    const auto b = base::AsArray<float>(base::AsBytes(theirs[i]));
    double difference = 0;
    double norm = 0;
    for (std::size_t k = 0; k < a.size(); ++k) {
      difference += std::pow(static_cast<double>(a[k]) - static_cast<double>(b[k]), 2);
      norm += std::pow(static_cast<double>(b[k]), 2);
    }
    if (std::sqrt(difference) > kTolerance * std::sqrt(norm)) {
      return base::Internal(fmt::format("{}: outputs differ by {:.2e} (relative L2)", what,
                                        std::sqrt(difference / norm)));
    }
  }
  return {};
}

}  // namespace hadron::bench
