#include "onnx/loader.h"

#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#include "onnx.pb.h"
#include "onnx/import/model.h"
#include "onnx/wire/parse.h"

namespace hadron::onnx {
namespace {

using base::Status;
using base::StatusOr;

StatusOr<LoadedModel> ParseAndImport(std::shared_ptr<const base::ByteSource> file,
                                     const ExternalData& external, const LoadLimits& limits,
                                     const std::set<std::string>& optional_inputs) {
  HADRON_ASSIGN_OR_RETURN(ParsedModel model, ParseModel(*file, limits));
  const ModelFiles files{std::move(file), std::move(model.left), external};
  return ImportModel(*model.proto, files, limits, optional_inputs);
}

StatusOr<LoadedModel> ReadAndLoad(const std::string& path, const LoadLimits& limits) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string directory = parent.empty() ? std::string(1, '.') : parent.string();
  HADRON_ASSIGN_OR_RETURN(const auto external, ExternalData::FromDirectory(directory));
  HADRON_ASSIGN_OR_RETURN(auto file, base::FileSource::Open(path));
  return ParseAndImport(std::move(file), external, limits, {});
}

/// Memory can still run out below the limits; that fails one load, not the server.
template <typename Load>
StatusOr<LoadedModel> WithoutExceptions(Load load) {
  try {
    return load();
  } catch (const std::bad_alloc&) {
    return base::ResourceExhausted("not enough memory to load the model");
  } catch (const std::length_error&) {
    return base::ResourceExhausted("not enough memory to load the model");
  } catch (const std::exception& e) {
    return base::Internal(fmt::format("loading the model failed: {}", e.what()));
  }
}

}  // namespace

Status LoadedModel::Settle() const {
  for (const auto& file : files) HADRON_RETURN_IF_ERROR(file->Settle());
  return {};
}

StatusOr<LoadedModel> LoadOnnx(std::shared_ptr<const base::ByteSource> file,
                               const ExternalData& external, const LoadLimits& limits,
                               const std::set<std::string>& optional_inputs) {
  return WithoutExceptions(
      [&] { return ParseAndImport(std::move(file), external, limits, optional_inputs); });
}

StatusOr<LoadedModel> LoadOnnx(const base::IoBuf& file, const ExternalData& external,
                               const LoadLimits& limits) {
  return LoadOnnx(std::make_shared<const base::BufferSource>(file), external, limits);
}

StatusOr<LoadedModel> LoadOnnxFile(const std::string& path, const LoadLimits& limits) {
  return WithoutExceptions([&] { return ReadAndLoad(path, limits); });
}

}  // namespace hadron::onnx
