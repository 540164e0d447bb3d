#include "protocol/rest/hadron_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/strings.h"
#include "protocol/rest/hadron_answers.h"
#include "protocol/rest/json_reader.h"
#include "protocol/rest/json_writer.h"

namespace hadron::protocol {
namespace {

using base::Status;
using model::Catalogue;
using model::ModelEntry;
using Step = model::ResidencyManager::PlannedStep;
using model::ResidencyManager;

/// A model of the question.
struct Wanted {
  const ModelEntry* model = nullptr;
  std::int64_t version = 0;  ///< 0: the repository has none that could be loaded
  std::string reason;        ///< why not
};

base::StatusOr<std::vector<const ModelEntry*>> ReadModels(std::string_view body,
                                                          const Catalogue& catalogue) {
  std::vector<const ModelEntry*> models;
  JsonReader json(body);
  const auto element = [&]() -> Status {
    std::string name;
    HADRON_RETURN_IF_ERROR(json.ReadString(name));
    const auto at = catalogue.models.find(name);
    if (at == catalogue.models.end()) return UnknownModel(name);
    if (std::ranges::count(models, &at->second) == 0) models.push_back(&at->second);
    return {};
  };
  HADRON_RETURN_IF_ERROR(json.ReadObject([&](std::string_view key) -> Status {
    return key == "models" ? json.ReadArray(element) : json.SkipValue();
  }));
  HADRON_RETURN_IF_ERROR(json.ExpectEnd());
  if (models.empty()) {
    return base::InvalidArgument(R"(no models are named; send {"models": ["a", "b"]})");
  }
  return models;
}

std::uint64_t FileBytes(const ModelEntry& model, std::int64_t number) {
  const auto at = std::ranges::find(model.repository, number, &model::RepositoryVersion::number);
  return at == model.repository.end() ? 0 : at->bytes;
}

/// Seconds that loads took for each byte of their files; nothing before the first load.
std::optional<double> LoadRate(const Catalogue& catalogue) {
  double seconds = 0;
  double bytes = 0;
  for (const auto& [name, model] : catalogue.models) {
    for (const auto& [number, version] : model.versions) {
      if (version.handle == nullptr) continue;
      seconds += version.handle->load_seconds();
      bytes += static_cast<double>(FileBytes(model, number));
    }
  }
  return bytes > 0 ? std::optional(seconds / bytes) : std::nullopt;
}

bool IsEnsemble(const ModelEntry& model, std::int64_t number) {
  const auto at = model.versions.find(number);
  return at != model.versions.end() && at->second.handle != nullptr &&
         at->second.handle->is_ensemble();
}

/// The version that would answer, or be loaded first.
Wanted Choose(const ModelEntry& model) {
  Wanted wanted{&model, 0, model.reason};
  const auto* newest = NewestVersion(model);
  if (newest != nullptr) {
    wanted.version = newest->first;
  } else if (wanted.reason.empty() && !model.repository.empty()) {
    wanted.version = model.repository.back().number;
  }
  if (IsEnsemble(model, wanted.version)) {
    wanted.version = 0;
    wanted.reason = "it is an ensemble and takes no room; name the models of its steps";
  }
  if (wanted.version == 0 && wanted.reason.empty()) wanted.reason = "there is no version of it";
  return wanted;
}

constexpr std::string_view kFrom[] = {"device", "host", "repository"};

void WriteStep(JsonWriter& json, const Wanted& wanted, const Step& step) {
  const bool guess = step.from == Step::From::kRepository;
  json.BeginObject().Key("model").String(wanted.model->name);
  json.Key("version").String(std::to_string(wanted.version));
  json.Key("from").String(kFrom[static_cast<std::size_t>(step.from)]);
  json.Key("bytes").Int(step.bytes).Key("added_bytes").Int(step.added_bytes);
  json.Key("missing_bytes").Int(step.missing_bytes).Key("estimated").Bool(guess);
  json.Key("fits").Bool(step.fits);
  if (step.seconds) json.Key("estimated_ms").Raw(fmt::format("{:.2f}", *step.seconds * 1e3));
  json.EndObject();
}

/// The sum of what fits.
struct Total {
  std::size_t fitting = 0;
  std::size_t guessed = 0;
  std::uint64_t added_bytes = 0;
  std::uint64_t missing_bytes = 0;
  std::optional<double> seconds = 0;  ///< nothing when one is not known
};

Total Add(const std::vector<Step>& steps) {
  Total total;
  for (const Step& step : steps) {
    total.guessed += step.from == Step::From::kRepository ? 1 : 0;
    if (!step.fits) continue;
    ++total.fitting;
    total.added_bytes += step.added_bytes;
    total.missing_bytes += step.missing_bytes;
    total.seconds = step.seconds && total.seconds ? std::optional(*total.seconds + *step.seconds)
                                                  : std::nullopt;
  }
  return total;
}

std::string Sentence(const ResidencyManager::Outlook& outlook, const Total& total) {
  std::string text =
      fmt::format("{} of {} models fit together: {} of {}", total.fitting, outlook.steps.size(),
                  base::HumanBytes(total.added_bytes), base::HumanBytes(outlook.capacity));
  if (!outlook.victims.empty()) {
    text += fmt::format("; for them would leave: {}", base::Join(outlook.victims, ", "));
  }
  if (outlook.blocked) text += "; there is no room, and just now nobody may be evicted";
  if (total.seconds && *total.seconds > 0) {
    text += fmt::format("; one after the other they take about {:.0f} ms", *total.seconds * 1e3);
  }
  if (!total.seconds) text += "; how long loads take is not known before the first one";
  if (total.guessed > 0) {
    text += fmt::format("; {} not loaded: estimated by the size of the files", total.guessed);
  }
  return text;
}

}  // namespace

base::StatusOr<std::string> PlanJson(std::string_view body, const Catalogue& catalogue,
                                     const ResidencyManager& residency) {
  HADRON_ASSIGN_OR_RETURN(const auto models, ReadModels(body, catalogue));
  const std::optional<double> rate = LoadRate(catalogue);
  std::vector<Wanted> wanted;
  std::vector<Wanted> unusable;
  std::vector<ResidencyManager::Wish> wishes;
  for (const ModelEntry* model : models) {
    Wanted one = Choose(*model);
    if (one.version == 0) {
      unusable.push_back(std::move(one));
      continue;
    }
    ResidencyManager::Wish& wish = wishes.emplace_back();
    const auto at = model->versions.find(one.version);
    if (at != model->versions.end()) wish.version = at->second.handle.get();
    wish.file_bytes = FileBytes(*model, one.version);
    if (rate) wish.load_seconds = *rate * static_cast<double>(wish.file_bytes);
    wanted.push_back(std::move(one));
  }
  const ResidencyManager::Outlook outlook = residency.Foresee(wishes);
  const Total total = Add(outlook.steps);
  JsonWriter json;
  json.BeginObject().Key("budget").Int(outlook.budget).Key("capacity").Int(outlook.capacity);
  json.Key("free").Int(outlook.free_bytes).Key("steps").BeginArray();
  for (const Step& step : outlook.steps) WriteStep(json, wanted[step.wish], step);
  json.EndArray().Key("unusable").BeginArray();
  for (const Wanted& one : unusable) {
    json.BeginObject().Key("model").String(one.model->name);
    json.Key("reason").String(one.reason).EndObject();
  }
  json.EndArray().Key("victims").BeginArray();
  for (const std::string& victim : outlook.victims) json.String(victim);
  json.EndArray().Key("fits").Bool(total.fitting == outlook.steps.size() && unusable.empty());
  json.Key("blocked").Bool(outlook.blocked).Key("bytes").Int(total.added_bytes);
  json.Key("missing_bytes").Int(total.missing_bytes);
  if (total.seconds) json.Key("estimated_ms").Raw(fmt::format("{:.2f}", *total.seconds * 1e3));
  json.Key("text").String(Sentence(outlook, total)).EndObject();
  return json.Take();
}

}  // namespace hadron::protocol
