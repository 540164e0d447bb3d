#include "tenancy/postgres_link.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string_view>

namespace hadron::tenancy {
namespace {

using base::Status;
using base::StatusOr;
using std::chrono::milliseconds;

/// How often a wait looks whether the server ends.
constexpr milliseconds kLook{50};

struct EndConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct EndResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, EndConnection>;
using Result = std::unique_ptr<PGresult, EndResult>;

Status Failure(std::string_view what, std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return base::Unavailable(fmt::format("{}: {}", what, text));
}

/// Values that no repetition makes acceptable: SQLSTATE classes of data and of constraints.
Status FailureOf(const PGresult* result) {
  const char* const field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string_view state = field == nullptr ? "" : field;
  Status status = Failure("the database", PQresultErrorMessage(result));
  if (state.starts_with("22") || state.starts_with("23")) {
    return base::InvalidArgument(status.message());
  }
  return status;
}

bool IsSecret(std::string_view keyword) {
  return keyword == "password" || keyword == "sslpassword";
}

}  // namespace

struct PostgresLink::Parts {
  explicit Parts(Options with) : options(std::move(with)) {}

  const Options options;
  Connection connection;
};

Status PostgresLink::Check(const std::string& conninfo) {
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parsed(
      PQconninfoParse(conninfo.c_str(), nullptr), PQconninfoFree);
  if (parsed == nullptr) {
    return base::InvalidArgument(
        "--ledger-postgres: this is no connection string of libpq; expected "
        "'host=... dbname=... user=...' or 'postgresql://user@host/dbname'");
  }
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (!IsSecret(option->keyword) || option->val == nullptr) continue;
    return base::InvalidArgument(fmt::format(
        "--ledger-postgres: '{}' does not belong on a command line, which everybody sees; put it "
        "into a file and name that by 'passfile=...' or PGPASSFILE",
        option->keyword));
  }
  return {};
}

PostgresLink::PostgresLink(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
PostgresLink::~PostgresLink() = default;

StatusOr<std::unique_ptr<PostgresLink>> PostgresLink::Connect(const Options& options) {
  std::unique_ptr<PostgresLink> link(  // NOLINT: private constructor
      new PostgresLink(std::make_unique<Parts>(options)));
  HADRON_RETURN_IF_ERROR(link->Establish());
  return link;
}

base::TimePoint PostgresLink::Limit() const {
  return std::chrono::steady_clock::now() + parts_->options.patience;
}

Status PostgresLink::WaitForSocket(bool to_write, base::TimePoint until) {
  pollfd wanted{PQsocket(parts_->connection.get()), POLLIN, 0};
  if (to_write) wanted.events = static_cast<short>(POLLIN | POLLOUT);
  for (;;) {
    const base::TimePoint end =
        parts_->options.hurry->load() ? std::min(until, parts_->options.end->load()) : until;
    const auto left =
        std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return base::Unavailable("the database does not answer in time");
    const int ready = poll(&wanted, 1, static_cast<int>(std::min(left, kLook).count()) + 1);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return base::Unavailable("the connection has gone");
  }
}

Status PostgresLink::Establish() {
  const char* const keywords[] = {"dbname", "fallback_application_name", "client_encoding",
                                  nullptr};
  const char* const values[] = {parts_->options.conninfo.c_str(), "hadron", "UTF8", nullptr};
  parts_->connection.reset(PQconnectStartParams(keywords, values, 1));
  PGconn* const connection = parts_->connection.get();
  if (connection == nullptr) return base::Unavailable("there is no memory for a connection");
  PQsetNoticeProcessor(
      connection, [](void*, const char*) {}, nullptr);
  const base::TimePoint until = Limit();
  // Before the first poll libpq wants the socket to be writable.
  PostgresPollingStatusType step =
      PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (step != PGRES_POLLING_OK) {
    if (step == PGRES_POLLING_FAILED) return Failure("connecting", PQerrorMessage(connection));
    HADRON_RETURN_IF_ERROR(WaitForSocket(step == PGRES_POLLING_WRITING, until));
    step = PQconnectPoll(connection);
  }
  if (PQsetnonblocking(connection, 1) != 0) {
    return Failure("connecting", PQerrorMessage(connection));
  }
  return {};
}

Status PostgresLink::Send(const std::string& sql, const std::vector<std::string>& values) {
  PGconn* const connection = parts_->connection.get();
  std::vector<const char*> texts;
  texts.reserve(values.size());
  for (const std::string& value : values) texts.push_back(value.c_str());
  if (PQsendQueryParams(connection, sql.c_str(), static_cast<int>(texts.size()), nullptr,
                        texts.data(), nullptr, nullptr, 0) == 0) {
    return Failure("sending", PQerrorMessage(connection));
  }
  const base::TimePoint until = Limit();
  for (;;) {
    const int left = PQflush(connection);
    if (left == 0) return {};
    if (left < 0) return Failure("sending", PQerrorMessage(connection));
    HADRON_RETURN_IF_ERROR(WaitForSocket(true, until));
    if (PQconsumeInput(connection) == 0) return Failure("sending", PQerrorMessage(connection));
  }
}

StatusOr<PostgresLink::Rows> PostgresLink::Run(const std::string& sql,
                                               const std::vector<std::string>& values) {
  PGconn* const connection = parts_->connection.get();
  HADRON_RETURN_IF_ERROR(Send(sql, values));
  Rows rows;
  Status status;
  const base::TimePoint until = Limit();
  for (;;) {
    while (PQisBusy(connection) != 0) {
      HADRON_RETURN_IF_ERROR(WaitForSocket(false, until));
      if (PQconsumeInput(connection) == 0) return Failure("reading", PQerrorMessage(connection));
    }
    const Result result(PQgetResult(connection));
    if (result == nullptr) break;
    const ExecStatusType kind = PQresultStatus(result.get());
    if (kind != PGRES_COMMAND_OK && kind != PGRES_TUPLES_OK) status = FailureOf(result.get());
    for (int row = 0; row < PQntuples(result.get()); ++row) {
      std::vector<std::string>& cells = rows.emplace_back();
      for (int column = 0; column < PQnfields(result.get()); ++column) {
        cells.emplace_back(PQgetvalue(result.get(), row, column));
      }
    }
  }
  if (!status.ok()) return status;
  return rows;
}

}  // namespace hadron::tenancy
