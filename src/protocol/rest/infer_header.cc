#include "protocol/rest/infer_header.h"

#include <fmt/format.h>

#include <charconv>

#include "base/strings.h"
#include "protocol/rest/json_reader.h"
#include "protocol/rest/tensor_json.h"

namespace hadron::protocol {
namespace {

using serving::ParameterValue;

constexpr std::size_t kMaxRank = 64;

base::Status CannotParse(std::string_view key) {
  return base::InvalidArgument(fmt::format("Unable to parse '{}'", base::EscapeControl(key)));
}

/// Says which field a failure of reading it is about.
base::Status About(std::string_view key, base::Status status) {
  if (status.ok()) return status;
  return std::move(status).With(fmt::format("Unable to parse '{}'", base::EscapeControl(key)));
}

template <typename Integer>
bool ToInteger(std::string_view token, Integer& out) {
  const auto result = std::from_chars(token.data(), token.data() + token.size(), out);
  return result.ec == std::errc() && result.ptr == token.data() + token.size();
}

base::Status ReadUnsigned(JsonReader& json, std::string_view key, std::uint64_t& out) {
  std::string_view token;
  HADRON_RETURN_IF_ERROR(About(key, json.ReadNumber(token)));
  return ToInteger(token, out) ? base::OkStatus() : CannotParse(key);
}

base::StatusOr<ParameterValue> ReadNumberParameter(JsonReader& json, std::string_view key) {
  std::string_view token;
  HADRON_RETURN_IF_ERROR(About(key, json.ReadNumber(token)));
  std::int64_t whole = 0;
  if (ToInteger(token, whole)) return ParameterValue(whole);
  std::uint64_t large = 0;
  if (ToInteger(token, large)) return ParameterValue(large);
  const auto number = base::ParseDouble(token);
  if (!number) return CannotParse(key);
  return ParameterValue(*number);
}

base::StatusOr<ParameterValue> ReadParameter(JsonReader& json, std::string_view key) {
  switch (json.Peek()) {
    case JsonReader::Kind::kString: {
      std::string text;
      HADRON_RETURN_IF_ERROR(About(key, json.ReadString(text)));
      return ParameterValue(std::move(text));
    }
    case JsonReader::Kind::kBool: {
      bool flag = false;
      HADRON_RETURN_IF_ERROR(About(key, json.ReadBool(flag)));
      return ParameterValue(flag);
    }
    case JsonReader::Kind::kNumber:
      return ReadNumberParameter(json, key);
    default:
      return About(key, json.WrongKind("string, number or boolean"));
  }
}

base::Status ReadShape(JsonReader& json, tensor::Shape& shape) {
  std::vector<std::int64_t> dims;
  const auto read_dim = [&]() -> base::Status {
    std::string_view token;
    HADRON_RETURN_IF_ERROR(json.ReadNumber(token));
    std::int64_t dim = 0;
    if (!ToInteger(token, dim) || dim < 0) {
      return base::InvalidArgument(fmt::format("{} is not a dimension", token));
    }
    if (dims.size() == kMaxRank) return base::InvalidArgument("more than 64 dimensions");
    dims.push_back(dim);
    return base::OkStatus();
  };
  HADRON_RETURN_IF_ERROR(About("shape", json.ReadArray(read_dim)));
  shape = tensor::Shape(std::move(dims));
  return base::OkStatus();
}

/// Shared-memory fields of an input's or output's parameters; true when `key` was one of them.
struct SharedMemory {
  bool region = false;

  static bool Has(std::string_view key) { return key.starts_with("shared_memory_"); }
  base::Status Read(JsonReader& json, std::string_view key) {
    if (key == "shared_memory_region") region = true;
    return json.SkipValue();
  }
  static base::Status Disabled() {
    return base::Unimplemented(
        "Client shared memory is disabled; send the data in the request instead");
  }
};

/// Reads one element of "inputs".
class InputReader {
 public:
  InputReader(JsonReader& json, std::uint64_t max_bytes) : json_(json), max_bytes_(max_bytes) {}

  base::StatusOr<InferHeaderInput> Read() {
    if (json_.Peek() != JsonReader::Kind::kObject) {
      return About("inputs", json_.WrongKind("object"));
    }
    HADRON_RETURN_IF_ERROR(
        json_.ReadObject([this](std::string_view key) { return ReadMember(key); }));
    HADRON_RETURN_IF_ERROR(CheckMembers());
    if (data_at_) {
      const std::size_t end = json_.position();
      json_.Seek(*data_at_);
      HADRON_RETURN_IF_ERROR(ReadData());
      json_.Seek(end);
    }
    return std::move(input_);
  }

 private:
  base::Status ReadMember(std::string_view key) {
    if (key == "name") return has_name_ = true, About(key, json_.ReadString(input_.desc.name));
    if (key == "shape") return has_shape_ = true, ReadShape(json_, input_.desc.shape);
    if (key == "datatype") return has_type_ = true, About(key, json_.ReadString(type_name_));
    if (key == "parameters") return ReadParameters();
    if (key != "data") return json_.SkipValue();
    if (has_data_) return base::InvalidArgument("Unable to parse 'data': it stands twice");
    has_data_ = true;
    if (has_name_ && has_shape_ && has_type_) return ReadData();
    data_at_ = json_.position();
    return json_.SkipValue();
  }

  base::Status ReadData() {
    HADRON_RETURN_IF_ERROR(SetType());
    HADRON_ASSIGN_OR_RETURN(input_.data, ReadTensorData(json_, input_.desc, max_bytes_));
    return base::OkStatus();
  }

  base::Status ReadParameters() {
    const auto member = [this](std::string_view key) -> base::Status {
      if (SharedMemory::Has(key)) return memory_.Read(json_, key);
      if (key != "binary_data_size") return json_.SkipValue();
      std::uint64_t size = 0;
      HADRON_RETURN_IF_ERROR(ReadUnsigned(json_, key, size));
      input_.binary_size = size;
      return base::OkStatus();
    };
    if (json_.Peek() != JsonReader::Kind::kObject) {
      return About("parameters", json_.WrongKind("object"));
    }
    return json_.ReadObject(member);
  }

  base::Status SetType() {
    const auto type = tensor::DataTypeFromName(type_name_);
    if (!type) {
      return base::InvalidArgument(fmt::format("invalid datatype '{}' for input '{}'",
                                               base::EscapeControl(type_name_),
                                               base::EscapeControl(input_.desc.name)));
    }
    input_.desc.type = *type;
    return base::OkStatus();
  }

  base::Status CheckMembers() {
    if (!has_name_) return CannotParse("name");
    if (!has_shape_) return CannotParse("shape");
    if (!has_type_) return CannotParse("datatype");
    HADRON_RETURN_IF_ERROR(SetType());
    const int sources = int{has_data_} + int{input_.binary_size.has_value()} + int{memory_.region};
    if (sources != 1) {
      return base::InvalidArgument(fmt::format(
          "Input must set only one of the following fields: 'data', 'binary_data_size' in "
          "'parameters', 'shared_memory_region' in 'parameters'. Input '{}' sets {} of them",
          base::EscapeControl(input_.desc.name), sources));
    }
    return memory_.region ? SharedMemory::Disabled() : base::OkStatus();
  }

  JsonReader& json_;
  const std::uint64_t max_bytes_;
  InferHeaderInput input_;
  std::string type_name_;
  SharedMemory memory_;
  bool has_name_ = false;
  bool has_shape_ = false;
  bool has_type_ = false;
  bool has_data_ = false;
  std::optional<std::size_t> data_at_;
};

/// Reads one element of "outputs".
class OutputReader {
 public:
  explicit OutputReader(JsonReader& json) : json_(json) {}

  base::StatusOr<InferHeaderOutput> Read() {
    if (json_.Peek() != JsonReader::Kind::kObject) {
      return About("outputs", json_.WrongKind("object"));
    }
    HADRON_RETURN_IF_ERROR(
        json_.ReadObject([this](std::string_view key) { return ReadMember(key); }));
    if (!has_name_) return CannotParse("name");
    HADRON_RETURN_IF_ERROR(CheckSharedMemory());
    return std::move(output_);
  }

 private:
  base::Status ReadMember(std::string_view key) {
    if (key == "name") return has_name_ = true, About(key, json_.ReadString(output_.name));
    if (key != "parameters") return json_.SkipValue();
    if (json_.Peek() != JsonReader::Kind::kObject) return About(key, json_.WrongKind("object"));
    return json_.ReadObject([this](std::string_view name) { return ReadParameter(name); });
  }

  base::Status ReadParameter(std::string_view key) {
    if (SharedMemory::Has(key)) return memory_.Read(json_, key);
    if (key == "classification") return ReadUnsigned(json_, key, output_.classification);
    if (key != "binary_data") return json_.SkipValue();
    bool binary = false;
    HADRON_RETURN_IF_ERROR(About(key, json_.ReadBool(binary)));
    output_.binary = binary;
    return base::OkStatus();
  }

  base::Status CheckSharedMemory() {
    if (!memory_.region) return base::OkStatus();
    if (output_.classification > 0 || output_.binary.value_or(false)) {
      return base::InvalidArgument(
          fmt::format("Output can't set both 'shared_memory_region' and '{}': output '{}'",
                      output_.classification > 0 ? "classification" : "binary_data",
                      base::EscapeControl(output_.name)));
    }
    return SharedMemory::Disabled();
  }

  JsonReader& json_;
  InferHeaderOutput output_;
  SharedMemory memory_;
  bool has_name_ = false;
};

/// Reads the whole header.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, std::uint64_t max_bytes)
      : json_(text), max_bytes_(max_bytes) {}

  base::StatusOr<InferHeader> Read() {
    HADRON_RETURN_IF_ERROR(
        json_.ReadObject([this](std::string_view key) { return ReadMember(key); }));
    HADRON_RETURN_IF_ERROR(json_.ExpectEnd());
    if (!has_inputs_) return CannotParse("inputs");
    return std::move(header_);
  }

 private:
  base::Status ReadMember(std::string_view key) {
    if (key == "id") return About(key, json_.ReadString(header_.id));
    if (key == "parameters") return ReadParameters();
    if (key == "inputs") return ReadInputs();
    if (key == "outputs") return ReadOutputs();
    return json_.SkipValue();
  }

  base::Status ReadParameters() {
    if (json_.Peek() != JsonReader::Kind::kObject) {
      return About("parameters", json_.WrongKind("object"));
    }
    return json_.ReadObject([this](std::string_view key) -> base::Status {
      HADRON_ASSIGN_OR_RETURN(ParameterValue value, ReadParameter(json_, key));
      if (key != "binary_data_output") {
        header_.parameters.emplace_back(key, std::move(value));
        return base::OkStatus();
      }
      const bool* flag = std::get_if<bool>(&value);
      if (flag == nullptr) return CannotParse(key);
      header_.binary_data_output = *flag;
      return base::OkStatus();
    });
  }

  base::Status ReadInputs() {
    if (json_.Peek() != JsonReader::Kind::kArray) return About("inputs", json_.WrongKind("array"));
    if (has_inputs_) return CannotParse("inputs").With("the field stands twice");
    has_inputs_ = true;
    return json_.ReadArray([this]() -> base::Status {
      HADRON_ASSIGN_OR_RETURN(InferHeaderInput input, InputReader(json_, max_bytes_).Read());
      header_.inputs.push_back(std::move(input));
      return base::OkStatus();
    });
  }

  base::Status ReadOutputs() {
    if (json_.Peek() != JsonReader::Kind::kArray) return About("outputs", json_.WrongKind("array"));
    return json_.ReadArray([this]() -> base::Status {
      HADRON_ASSIGN_OR_RETURN(InferHeaderOutput output, OutputReader(json_).Read());
      header_.outputs.push_back(std::move(output));
      return base::OkStatus();
    });
  }

  JsonReader json_;
  const std::uint64_t max_bytes_;
  InferHeader header_;
  bool has_inputs_ = false;
};

}  // namespace

base::StatusOr<InferHeader> ParseInferHeader(std::string_view json, std::uint64_t max_input_bytes) {
  return HeaderReader(json, max_input_bytes).Read();
}

base::StatusOr<bool> ParseIndexRequest(std::string_view text) {
  bool ready = false;
  if (base::Trim(text).empty()) return ready;
  JsonReader json(text);
  const auto member = [&](std::string_view key) -> base::Status {
    if (key != "ready") return json.SkipValue();
    if (json.Peek() != JsonReader::Kind::kBool) {
      return base::InvalidArgument("Invalid value for 'ready': expected a boolean");
    }
    return json.ReadBool(ready);
  };
  HADRON_RETURN_IF_ERROR(json.ReadObject(member));
  HADRON_RETURN_IF_ERROR(json.ExpectEnd());
  return ready;
}

}  // namespace hadron::protocol
