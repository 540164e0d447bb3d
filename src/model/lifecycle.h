#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "model/model_version.h"
#include "model/repository.h"

/// The decisions of a model's life: what to load, what to retire, what a change on disk means, what
/// clients see. Pure functions over plain facts: no clock, no I/O, no threads. ModelManager feeds
/// them and does what they say.
namespace hadron::model {

enum class ControlMode : std::uint8_t {
  kNone,      ///< everything is loaded at start, and stays
  kPoll,      ///< the same, and changes on disk are followed
  kExplicit,  ///< what calls and --load-model ask for
  kDemand,    ///< as explicit, and a model's first use loads it
};

/// "demand".
std::string_view ControlModeName(ControlMode mode);

/// Of what a loaded version was made: while this does not change, a reload leaves it alone.
struct VersionContent {
  const storage::ObjectStore* store = nullptr;
  ScannedVersion version;
  std::string config_file;
  std::string config_text;
  std::vector<FileState> files;  ///< outside version directories

  bool operator==(const VersionContent&) const = default;
};

VersionContent ContentOf(const ScannedModel& model, const ScannedVersion& version);
/// Whether two listings of a model say the same.
bool SameListing(const ScannedModel& a, const ScannedModel& b);

/// What a load does to each version, ascending.
struct LoadPlan {
  std::vector<std::int64_t> keep;    ///< unchanged: runs on
  std::vector<std::int64_t> build;   ///< new, or made of something else
  std::vector<std::int64_t> retire;  ///< live, and no longer wanted

  bool operator==(const LoadPlan&) const = default;
};

/// `wanted` are versions of `model`. `rebuild`: keep nothing (an override counts as a change).
LoadPlan PlanLoad(const std::map<std::int64_t, VersionContent>& live, const ScannedModel& model,
                  std::span<const std::int64_t> wanted, bool rebuild);

/// What is so of one version of a model.
struct VersionFacts {
  bool live = false;         ///< an instance takes requests
  bool building = false;     ///< an instance is on its way
  int retiring = 0;          ///< instances that wait for their last handle, or give memory back
  bool loadable = false;     ///< its next use would load it: not yet loaded, or evicted
  bool unloaded = false;     ///< it was served and is not any more
  std::string failure = {};  ///< of the last load
};

/// The state that clients see, and the reason where it is UNAVAILABLE. An instance that serves
/// hides everything else: a reload that runs or has failed is not seen. While the next use of a
/// loadable version loads it, and while an evicted one gives its memory back, it stays READY: those
/// who ask wait.
std::pair<VersionState, std::string> StateOf(const VersionFacts& facts);

/// One model at a poll.
struct PolledModel {
  ControlMode mode = ControlMode::kPoll;
  const ScannedModel* previous = nullptr;  ///< the listing one poll ago; null = was not there
  const ScannedModel* current = nullptr;   ///< the listing now; null = is not there
  const ScannedModel* applied = nullptr;   ///< what the catalogue goes by; null = nothing yet
  const std::map<std::int64_t, VersionContent>* live = nullptr;
  bool busy = false;        ///< an operation runs
  bool overridden = false;  ///< made of something else than the directory
  bool unloaded = false;    ///< by call
  bool whole = true;        ///< every version has its file; else somebody may be copying it
};

enum class PollAction : std::uint8_t {
  kNothing,    ///< as it was
  kWait,       ///< changed; to be looked at again when it has come to rest
  kCatalogue,  ///< take the listing into the catalogue, load nothing
  kLoad,
  kUnload,  ///< the directory has gone
};

/// A directory that is new or has changed is acted upon when two polls have seen it the same.
PollAction DecidePoll(const PolledModel& model);

/// How long after the `failures`-th failed load in a row (from 1) a request may cause the next.
base::Duration RetryDelay(int failures);

}  // namespace hadron::model
