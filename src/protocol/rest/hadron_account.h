#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "tenancy/ledger.h"

/// Questions about the accounts, and their answers: the codec of `GET /v2/hadron/account`. Pure
/// functions.
namespace hadron::protocol {

struct AccountQuestion {
  tenancy::Ledger::Query query;
  bool csv = false;  ///< else JSON
};

/// What stands behind the '?': `from` and `to` (RFC 3339, or seconds since the epoch), `by` (of
/// tenant, user, model, class; default tenant,model), `format` (json, csv). INVALID_ARGUMENT names
/// the parameter and its form, also for one that there is not.
///
///     HADRON_ASSIGN_OR_RETURN(const auto question,
///     ParseAccountQuestion("from=2026-03-01&by=user"));
base::StatusOr<AccountQuestion> ParseAccountQuestion(std::string_view query);

/// An array with an object for each row, a key for each column: those of `by`, then the sums.
std::string AccountJson(const tenancy::Ledger::Query& query,
                        std::span<const tenancy::Ledger::Row> rows);
/// The same as RFC 4180 text with a header line. Names come from outside: one that a spreadsheet
/// would take for a formula is written behind an apostrophe.
std::string AccountCsv(const tenancy::Ledger::Query& query,
                       std::span<const tenancy::Ledger::Row> rows);

}  // namespace hadron::protocol
