#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/io_buf.h"
#include "tensor/host_tensor.h"

namespace hadron::testing {

inline std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Reads a .npy file of the test data (version 1.0, C order, little-endian) as a tensor. The files
/// are ours: anything unexpected aborts.
inline tensor::HostTensor ReadNpy(const std::string& path) {
  const std::string file = ReadFile(path);
  HADRON_CHECK(file.size() > 10 && file.substr(1, 5) == "NUMPY");
  const auto header_size = static_cast<std::size_t>(static_cast<unsigned char>(file[8])) +
                           static_cast<std::size_t>(static_cast<unsigned char>(file[9])) * 256;
  const std::string header = file.substr(10, header_size);
  tensor::DataType type = tensor::DataType::kInvalid;
  if (header.find("'<f4'") != std::string::npos) type = tensor::DataType::kFp32;
  if (header.find("'<i4'") != std::string::npos) type = tensor::DataType::kInt32;
  if (header.find("'<i8'") != std::string::npos) type = tensor::DataType::kInt64;
  HADRON_CHECK(type != tensor::DataType::kInvalid);
  HADRON_CHECK(header.find("'fortran_order': False") != std::string::npos);
  std::vector<std::int64_t> dims;
  std::string inside = header.substr(header.find('(') + 1);
  inside = inside.substr(0, inside.find(')'));
  std::istringstream parts(inside);
  for (std::string part; std::getline(parts, part, ',');) {
    if (part.find_first_of("0123456789") != std::string::npos) dims.push_back(std::stoll(part));
  }
  return {{"", type, tensor::Shape(dims)}, base::IoBuf::FromString(file.substr(10 + header_size))};
}

}  // namespace hadron::testing
