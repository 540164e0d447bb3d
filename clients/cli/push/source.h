#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadron::cli::push {

/// A file of the model that is to be pushed.
struct SourceFile {
  std::string name;  ///< below its version's directory, or below the model's
  std::string path;  ///< on this machine
  std::uint64_t size = 0;
  std::string sha256;
};

struct SourceVersion {
  std::uint64_t number = 0;
  std::vector<SourceFile> files;  ///< sorted by name; neither the model's file nor SHA256SUMS
  SourceFile model;               ///< the file without which the version is none
  std::string sums;               ///< content of its SHA256SUMS: of all other files
};

/// A model on this machine, whole and checked: every version is one that the server would load.
struct Source {
  std::string name;
  std::vector<SourceFile> files;        ///< outside versions: labels, warm-up data; no config.pbtxt
  std::vector<SourceFile> config;       ///< config.pbtxt, or nothing
  std::vector<SourceVersion> versions;  ///< ascending, at least one
  std::vector<std::string> notes;       ///< what is odd but harmless, each one sentence
};

/// Reads a model's directory with the server's own rules and checks it with the server's own code:
/// configuration, ONNX file and weights of every version, labels, SHA256SUMS where there is one.
/// The failure names the file and what is wrong with it.
base::StatusOr<Source> ReadSource(const std::string& directory);

}  // namespace hadron::cli::push
