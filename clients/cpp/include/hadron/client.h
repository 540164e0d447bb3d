#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#define HADRON_CLIENT_API __attribute__((visibility("default")))

/// C++ client of an inference server that speaks the KServe V2 protocol (Hadron, Triton), over REST
/// or gRPC. Nothing here throws except std::bad_alloc.
namespace hadron::client {

enum class ErrorCode : std::uint8_t {
  kInvalidArgument,  ///< the call itself is wrong: a bad URL, a tensor whose bytes do not fit
  kUnreachable,      ///< no connection, or no answer in time
  kServer,           ///< the server answered with an error
  kBadAnswer,        ///< the answer is not what the protocol says
};

struct Error {
  ErrorCode code = ErrorCode::kServer;
  /// HTTP status or gRPC code of the answer, 0 when there was none.
  int status = 0;
  std::string message;
};

/// A value, or why there is none. Asking for the wrong one ends the program.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  const Error& error() const { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, Error> state_;
};

/// Description of a tensor; a dimension of -1 means any size.
struct TensorInfo {
  std::string name;
  std::string datatype;  ///< "FP32", "INT64", "BYTES", ...
  std::vector<std::int64_t> shape;
};

/// A tensor with its content: row-major little-endian elements in `bytes` (BOOL one byte each), or
/// for datatype BYTES one string an element in `strings`.
struct Tensor {
  std::string name;
  std::string datatype;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;
  std::vector<std::string> strings;
};

struct ServerMetadata {
  std::string name;
  std::string version;
  std::vector<std::string> extensions;
};

struct ModelMetadata {
  std::string name;
  std::vector<std::string> versions;
  std::string platform;
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  std::map<std::string, std::string> properties;  ///< REST only
};

/// One line of the repository index; `version` is empty for a model that was never loaded.
struct ModelIndexEntry {
  std::string name;
  std::string version;
  std::string state;   ///< "READY", "LOADING", "UNAVAILABLE", ...
  std::string reason;  ///< why it is not ready
};

struct StatisticDuration {
  std::uint64_t count = 0;
  std::uint64_t ns = 0;
};

struct ModelStatistics {
  std::string name;
  std::string version;
  std::uint64_t last_inference_ms = 0;  ///< since the Unix epoch, 0 = never
  std::uint64_t inference_count = 0;
  std::uint64_t execution_count = 0;
  /// By kind: "success", "fail", "queue", "compute_input", "compute_infer", "compute_output".
  std::map<std::string, StatisticDuration> durations;
};

struct RequestedOutput {
  std::string name;
  /// When not 0: the best so many classes as strings "value:index[:label]" instead of the tensor.
  unsigned classification = 0;
};

struct InferRequest {
  std::string model;
  std::string version;  ///< empty = the newest that is ready
  std::string id;
  std::vector<Tensor> inputs;
  std::vector<RequestedOutput> outputs;  ///< empty = all
};

struct InferResponse {
  std::string model;
  std::string version;
  std::string id;
  std::vector<Tensor> outputs;
};

struct Options {
  /// "http://HOST:PORT" or "https://..." for REST, "grpc://HOST:PORT" for gRPC.
  std::string url = "http://127.0.0.1:8000";
  std::chrono::milliseconds timeout{60'000};  ///< of each call
  /// Sent with every call: what opens groups of calls that the server restricts. Over gRPC they are
  /// metadata, by the whole name that the server expects.
  std::vector<std::pair<std::string, std::string>> headers{};
};

/// A call was carried out; there is nothing more to say.
struct Done {};

/// What of the accounts is asked for.
struct AccountQuery {
  std::string from;             ///< RFC 3339 or seconds since the epoch; empty: the beginning
  std::string to;               ///< exclusive; empty: now
  std::string by;               ///< some of tenant,user,model,class; empty: tenant,model
  std::string format = "json";  ///< or csv
};

/// What a call may do to a model's place in memory.
enum class ResidencyChange : std::uint8_t {
  kPin,    ///< it stays on the device until it is unpinned or the server restarts
  kUnpin,  ///< it may be evicted again
  kEvict,  ///< its weights leave the device now; a pinned or busy model is refused
};

class Transport;

/// A connection to one server; made on the first call and kept. Every call blocks until the answer
/// has come or the time is over. Not thread-safe: one Client a thread.
///
///     auto client = hadron::client::Client::Create({.url = "http://127.0.0.1:8000"});
///     if (!client) return Complain(client.error().message);
///     auto answer = (*client)->Infer({.model = "digits", .inputs = {image}});
class HADRON_CLIENT_API Client {
 public:
  static Result<std::unique_ptr<Client>> Create(const Options& options);
  explicit Client(std::unique_ptr<Transport> transport);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// False when the server answers that it is not.
  Result<bool> ServerLive();
  Result<bool> ServerReady();
  Result<bool> ModelReady(const std::string& model, const std::string& version = "");

  Result<ServerMetadata> GetServerMetadata();
  Result<ModelMetadata> GetModelMetadata(const std::string& model, const std::string& version = "");
  /// The completed configuration as JSON text with the keys of config.pbtxt.
  Result<std::string> GetModelConfig(const std::string& model, const std::string& version = "");
  Result<std::vector<ModelIndexEntry>> GetRepositoryIndex();
  /// Of all models when `model` is empty.
  Result<std::vector<ModelStatistics>> GetStatistics(const std::string& model = "",
                                                     const std::string& version = "");
  Result<InferResponse> Infer(const InferRequest& request);

  /// Loads or reloads; answers when the model serves, or says why it does not. `config`: JSON in
  /// place of the repository's config.pbtxt, until the next load; empty = none.
  Result<Done> LoadModel(const std::string& model, const std::string& config = "");
  /// Takes the model out of service; what it has accepted it answers.
  Result<Done> UnloadModel(const std::string& model);

  // Of Hadron alone, and over REST alone (kInvalidArgument over gRPC). JSON as docs/cli.md lists
  // it.
  Result<std::string> GetServerStatus();
  Result<std::string> ExplainModel(const std::string& model);
  Result<std::string> PlanModels(const std::vector<std::string>& models);
  /// Rows of the accounts as text of the format asked for.
  Result<std::string> GetAccount(const AccountQuery& query);
  Result<Done> ChangeResidency(const std::string& model, ResidencyChange change);

 private:
  std::unique_ptr<Transport> transport_;
};

}  // namespace hadron::client
