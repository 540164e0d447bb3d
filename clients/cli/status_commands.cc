#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "cli/answer_json.h"
#include "cli/commands.h"
#include "cli/printable.h"

namespace hadron::cli {
namespace {

const char* YesNo(bool value) { return value ? "yes" : "no"; }

}  // namespace

ExitCode Complain(const Context& context, const client::Error& error) {
  context.err << fmt::format("hadron-cli: {}\n", Printable(error.message));
  return CodeOf(error);
}

ExitCode RunStatus(const Context& context) {
  auto client = client::Client::Create(context.server);
  if (!client) return Complain(context, client.error());
  const auto live = (*client)->ServerLive();
  if (!live) return Complain(context, live.error());
  const auto ready = (*client)->ServerReady();
  if (!ready) return Complain(context, ready.error());
  const auto server = (*client)->GetServerMetadata();
  if (!server) return Complain(context, server.error());
  if (context.json) {
    context.out << StatusJson(*live, *ready, *server);
  } else {
    context.out << fmt::format(
        "server      {} {} at {}\nlive        {}\nready       {}\nextensions  {}\n",
        Printable(server->name), Printable(server->version), context.server.url, YesNo(*live),
        YesNo(*ready), Printable(base::Join(server->extensions, " ")));
  }
  return *live && *ready ? ExitCode::kOk : ExitCode::kServer;
}

ExitCode RunModels(const Context& context) {
  auto client = client::Client::Create(context.server);
  if (!client) return Complain(context, client.error());
  const auto index = (*client)->GetRepositoryIndex();
  if (!index) return Complain(context, index.error());
  if (context.json) {
    context.out << IndexJson(*index);
    return ExitCode::kOk;
  }
  std::size_t width = 5;
  for (const client::ModelIndexEntry& entry : *index) width = std::max(width, entry.name.size());
  context.out << fmt::format("{:<{}}  {:>7}  {:<11}  {}\n", "model", width, "version", "state",
                             "reason");
  for (const client::ModelIndexEntry& entry : *index) {
    context.out << fmt::format(
        "{:<{}}  {:>7}  {:<11}  {}\n", Printable(entry.name), width, Printable(entry.version),
        entry.state.empty() ? "not loaded" : Printable(entry.state), Printable(entry.reason));
  }
  return ExitCode::kOk;
}

}  // namespace hadron::cli
