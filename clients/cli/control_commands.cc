// Commands that change what a server does with a model.
#include <fmt/format.h>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/printable.h"
#include "cpp/json.h"

namespace hadron::cli {
namespace {

using client::Client;
using client::Done;
using client::Result;

struct Change {
  const char* done;  ///< what is said of the model afterwards
  Result<Done> (*call)(Client&, const std::string&);
};

ExitCode Run(const Context& context, const std::string& model, const Change& change) {
  auto client = Client::Create(context.server);
  if (!client) return Complain(context, client.error());
  const auto done = change.call(**client, model);
  if (!done) return Complain(context, done.error());
  if (context.json) {
    context.out << fmt::format("{{\"model\":{},\"done\":{}}}\n", base::JsonQuote(model),
                               base::JsonQuote(change.done));
  } else {
    context.out << fmt::format("{} is {}\n", Printable(model), change.done);
  }
  return ExitCode::kOk;
}

}  // namespace

ExitCode RunLoad(const Context& context, const std::string& model) {
  return Run(context, model, {"loaded", [](Client& client, const std::string& name) {
                                return client.LoadModel(name);
                              }});
}

ExitCode RunUnload(const Context& context, const std::string& model) {
  return Run(context, model, {"unloaded", [](Client& client, const std::string& name) {
                                return client.UnloadModel(name);
                              }});
}

ExitCode RunPin(const Context& context, const std::string& model) {
  return Run(context, model, {"pinned", [](Client& client, const std::string& name) {
                                return client.ChangeResidency(name, client::ResidencyChange::kPin);
                              }});
}

ExitCode RunUnpin(const Context& context, const std::string& model) {
  return Run(context, model, {"unpinned", [](Client& client, const std::string& name) {
                                return client.ChangeResidency(name,
                                                              client::ResidencyChange::kUnpin);
                              }});
}

ExitCode RunEvict(const Context& context, const std::string& model) {
  return Run(context, model, {"evicted", [](Client& client, const std::string& name) {
                                return client.ChangeResidency(name,
                                                              client::ResidencyChange::kEvict);
                              }});
}

ExitCode RunExplainModel(const Context& context, const std::string& model) {
  auto client = Client::Create(context.server);
  if (!client) return Complain(context, client.error());
  const auto explained = (*client)->ExplainModel(model);
  if (!explained) return Complain(context, explained.error());
  if (context.json) {
    context.out << *explained << '\n';
    return ExitCode::kOk;
  }
  const auto parsed = client::json::Parse(*explained);
  if (!parsed.ok()) {
    return Complain(context,
                    {.code = client::ErrorCode::kBadAnswer,
                     .status = 0,
                     .message = "the answer is not what it should be: " + parsed.message()});
  }
  context.out << Printable(parsed->StringAt("text")) << '\n';
  return ExitCode::kOk;
}

}  // namespace hadron::cli
