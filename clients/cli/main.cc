// hadron-cli: asks an inference server what it has and sends it things to think about.
#include <CLI/CLI.hpp>

#include <array>
#include <iostream>

#include "cli/commands.h"

namespace {

using hadron::cli::Beside;
using hadron::cli::Context;
using hadron::cli::ExitCode;
using hadron::cli::InferOptions;

constexpr const char* kFooter = R"(
Inputs of 'infer', by the model's input names:
  --input x=FILE.npy         numpy array; a missing batch dimension is added
  --input x=FILE.json        nested or flat list
  --input x=FILE.pgm|.png    picture, resized to the model's height and width and made grey
  --input x=1,2.5,3          values in row-major order (strings for BYTES)
  --input x=random|zeros     standard normal values, or zeros

Exit codes: 0 done, 1 the server answers with an error or is not ready, 2 wrong usage or input,
3 no connection or no answer in time.

Examples:
  hadron-cli status
  hadron-cli infer digits --input image=digit_3.pgm
  hadron-cli load digits
  hadron-cli explain --plan model_repo/digits --svg digits.svg
  hadron-cli --grpc 127.0.0.1:8001 infer calo_gan --input noise=random --input energy=50)";

struct Arguments {
  std::string url = "http://127.0.0.1:8000";
  std::string grpc;
  double timeout_s = 60;
  std::vector<std::string> headers;  ///< NAME=VALUE
  bool json = false;
  std::string model;
  std::vector<std::string> models;
  hadron::cli::TopOptions top;
  hadron::cli::AccountOptions account;
  InferOptions infer;
};

void AddInfer(CLI::App& app, InferOptions& infer) {
  app.add_option("MODEL", infer.model, "Name of the model")->required();
  app.add_option("--model-version", infer.version, "Version; default: the newest that is ready");
  app.add_option("-i,--input", infer.inputs, "NAME=FILE or NAME=VALUES, once for every input")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("-o,--output", infer.outputs, "Output to ask for, repeatable; default: all")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--batch", infer.batch, "Rows: a single one is repeated, more are cut")
      ->check(CLI::PositiveNumber);
  app.add_flag("--invert", infer.invert, "Pictures: exchange black and white");
  app.add_option("--scale", infer.scale, "Pictures: white becomes this value; default: unchanged");
  app.add_option("--top", infer.top, "Classes shown of an output with labels")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", infer.seed, "Seed of 'random'")->capture_default_str();
}

void AddAccount(CLI::App& app, hadron::cli::AccountOptions& account) {
  app.add_option("--from", account.from,
                 "Since when: RFC 3339 or seconds since the epoch; default: the beginning");
  app.add_option("--to", account.to, "Until when; default: now");
  app.add_option("--by", account.by, "Some of tenant, user, model, class, with commas")
      ->capture_default_str();
  app.add_option("--format", account.format, "table, csv or json")
      ->check(CLI::IsMember({"table", "csv", "json"}))
      ->capture_default_str();
}

/// A command that a program beside this one carries out: everything behind it goes there, --help
/// included.
void AddBeside(CLI::App& app, const char* name, const char* help) {
  CLI::App* command = app.add_subcommand(name, help);
  command->set_help_flag();
  command->fallthrough(false);
  command->prefix_command();
}

/// A command whose one argument is a model.
struct ModelCommand {
  const char* name;
  const char* help;
  ExitCode (*run)(const Context&, const std::string& model);
};

constexpr std::array kModelCommands = {
    ModelCommand{"load", "Load or reload a model; returns when it serves", hadron::cli::RunLoad},
    ModelCommand{"unload", "Take a model out of service", hadron::cli::RunUnload},
    ModelCommand{"rollback", "Serve the version before, until the next load",
                 hadron::cli::RunRollback},
    ModelCommand{"pin", "Keep a model's weights on the device", hadron::cli::RunPin},
    ModelCommand{"unpin", "Let a model's weights be evicted again", hadron::cli::RunUnpin},
    ModelCommand{"evict", "Take a model's weights off the device", hadron::cli::RunEvict},
};

constexpr std::array kBeside = {
    Beside{"explain", "hadron-explain"},
    Beside{"push", "hadron-push"},
};

ExitCode RunCommand(const CLI::App& app, const Context& context, const Arguments& arguments) {
  if (app.got_subcommand("status")) return RunStatus(context);
  if (app.got_subcommand("models")) return RunModels(context);
  if (app.got_subcommand("top")) return RunTop(context, arguments.top);
  if (app.got_subcommand("account")) return RunAccount(context, arguments.account);
  if (app.got_subcommand("plan")) return RunPlan(context, arguments.models);
  for (const ModelCommand& command : kModelCommands) {
    if (app.got_subcommand(command.name)) return command.run(context, arguments.model);
  }
  for (const Beside& beside : kBeside) {
    if (!app.got_subcommand(beside.command)) continue;
    const std::vector<std::string> words = app.get_subcommand(beside.command)->remaining();
    // A model's name alone is a question to the server; names have no slashes, paths do.
    const bool ask = std::string_view(beside.command) == "explain" && words.size() == 1 &&
                     !words[0].starts_with('-') && words[0].find('/') == std::string::npos;
    return ask ? RunExplainModel(context, words[0]) : RunBeside(context, beside, words);
  }
  return RunInfer(context, arguments.infer);
}

/// NAME=VALUE each, as the parser has seen to. A value may hold more of these signs.
std::vector<std::pair<std::string, std::string>> Headers(const Arguments& arguments) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const std::string& header : arguments.headers) {
    const std::size_t sign = header.find('=');
    headers.emplace_back(header.substr(0, sign), header.substr(sign + 1));
  }
  return headers;
}

/// Does not repeat what was given: it may be the secret alone.
std::string CheckHeader(const std::string& header) {
  return header.find('=') == std::string::npos ? "a header is written NAME=VALUE" : "";
}

ExitCode Run(const CLI::App& app, const Arguments& arguments) {
  const std::string url = arguments.grpc.empty() ? arguments.url : "grpc://" + arguments.grpc;
  const auto timeout = std::chrono::milliseconds(static_cast<long>(arguments.timeout_s * 1000));
  const Context context{.server = {.url = url, .timeout = timeout, .headers = Headers(arguments)},
                        .json = arguments.json,
                        .out = std::cout,
                        .err = std::cerr};
  return RunCommand(app, context, arguments);
}

int Main(int argc, char** argv) {
  CLI::App app("Command line of the Hadron inference server.", "hadron-cli");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();
  Arguments arguments;
  auto* url = app.add_option("--url", arguments.url, "Server, over REST")->capture_default_str();
  app.add_option("--grpc", arguments.grpc, "HOST:PORT of the server, over gRPC")->excludes(url);
  app.add_option("--timeout", arguments.timeout_s, "Seconds that a call may take")
      ->check(CLI::Range(0.001, 86400.0))
      ->capture_default_str();
  app.add_option("--header", arguments.headers,
                 "NAME=VALUE sent with every call, repeatable: opens restricted groups")
      ->take_all()
      ->allow_extra_args(false)
      ->check(CLI::Validator(CheckHeader, ""))
      ->envname("HADRON_CLI_HEADER");
  app.add_flag("--json", arguments.json, "Print JSON instead of text");
  app.add_subcommand("status", "Is the server live and ready, and what is it?");
  app.add_subcommand("models", "List the models of the repository and their states")
      ->alias("index");
  for (const ModelCommand& command : kModelCommands) {
    app.add_subcommand(command.name, command.help)
        ->add_option("MODEL", arguments.model, "Name of the model")
        ->required();
  }
  AddBeside(app, "explain",
            "MODEL: why it is not ready on the server, what loading it costs; --plan MODEL: how it "
            "is run");
  app.add_subcommand("plan",
                     "What loading models together would come to: a dry run, nothing is changed")
      ->add_option("MODELS", arguments.models, "Names of the models")
      ->required();
  AddAccount(*app.add_subcommand("account", "Who used the device for what"), arguments.account);
  CLI::App* top = app.add_subcommand("top", "What the server does, model by model; q ends it");
  top->add_flag("--once", arguments.top.once, "Print it once");
  top->add_option("--interval", arguments.top.interval_s, "Seconds between two looks")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  AddBeside(app, "push", "Bring a model to a repository: directory or object store");
  AddInfer(*app.add_subcommand("infer", "Send one request and show the answer"), arguments.infer);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  return static_cast<int>(Run(app, arguments));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "hadron-cli: " << error.what() << '\n';
    return static_cast<int>(ExitCode::kUsage);
  }
}
