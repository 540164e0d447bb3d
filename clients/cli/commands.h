#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "hadron/client.h"

namespace hadron::cli {

/// What all commands share: where the server is, and where to write.
struct Context {
  client::Options server;
  bool json = false;
  std::ostream& out;
  std::ostream& err;
};

struct InferOptions {
  std::string model;
  std::string version;
  std::vector<std::string> inputs;   ///< name=source
  std::vector<std::string> outputs;  ///< empty = all
  std::optional<std::int64_t> batch;
  bool invert = false;
  std::optional<double> scale;
  unsigned top = 10;       ///< classes shown
  std::uint32_t seed = 1;  ///< of random inputs
};

/// Is the server there, live and ready, and what is it?
ExitCode RunStatus(const Context& context);
/// The repository index.
ExitCode RunModels(const Context& context);
/// One inference request and its answer.
ExitCode RunInfer(const Context& context, const InferOptions& options);

/// Loads or reloads a model, or takes it out of service; returns when that is done.
ExitCode RunLoad(const Context& context, const std::string& model);
ExitCode RunUnload(const Context& context, const std::string& model);

/// Loads the version before the one that serves, by an override of the version policy.
ExitCode RunRollback(const Context& context, const std::string& model);

struct TopOptions {
  bool once = false;
  double interval_s = 1;
};
/// What the server does, model by model; on a terminal again and again until `q`.
ExitCode RunTop(const Context& context, const TopOptions& options);
/// Why a model is not ready, and what getting it ready would take.
ExitCode RunExplainModel(const Context& context, const std::string& model);
/// A dry run: what loading these models together would come to.
ExitCode RunPlan(const Context& context, const std::vector<std::string>& models);
struct AccountOptions {
  std::string from;  ///< RFC 3339 or seconds since the epoch; empty: since there are accounts
  std::string to;    ///< empty: until now
  std::string by = "tenant,model";
  std::string format = "table";  ///< table, csv, json
};
/// Who used the device for what.
ExitCode RunAccount(const Context& context, const AccountOptions& options);
/// Keeps a model's weights on the device, no longer does so, or takes them off it.
ExitCode RunPin(const Context& context, const std::string& model);
ExitCode RunUnpin(const Context& context, const std::string& model);
ExitCode RunEvict(const Context& context, const std::string& model);

/// A program that lies beside this one and does what this one is too light for.
struct Beside {
  const char* command;  ///< of hadron-cli
  const char* program;
};
/// Becomes that program; returns only when it cannot.
ExitCode RunBeside(const Context& context, const Beside& beside,
                   const std::vector<std::string>& arguments);

/// Prints "hadron-cli: message" and gives the code to end with.
ExitCode Complain(const Context& context, const client::Error& error);

}  // namespace hadron::cli
