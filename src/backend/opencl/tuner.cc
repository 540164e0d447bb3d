#include "backend/opencl/tuner.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "backend/opencl/program_cache.h"
#include "backend/opencl/tile.h"
#include "base/bytes.h"
#include "base/log.h"

namespace hadron::backend::opencl {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;
constexpr std::size_t kMostFileBytes = std::size_t{4} << 20;
constexpr std::size_t kMostShapes = 10'000;
/// Slower than the best by this factor at its first time: not worth another one.
constexpr double kHopeless = 1.3;
/// Gains below it are noise; the built-in choice is then as good.
constexpr double kWorthwhile = 0.97;

struct Effort {
  std::size_t candidates;
  int repetitions;
};
constexpr Effort EffortOf(TuneMode mode) {
  return mode == TuneMode::kFull ? Effort{200, 9} : Effort{6, 3};
}

double Microseconds(base::Duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

std::optional<TunedShape> ShapeFrom(const std::string& shape, const json& entry) {
  if (!entry.is_object()) return std::nullopt;
  TunedShape tuned{.shape = shape};
  for (const auto& [field, to] :
       {std::pair{"built_in", &tuned.built_in}, std::pair{"tile", &tuned.tile}}) {
    const auto found = entry.find(field);
    if (found == entry.end() || !found->is_string()) return std::nullopt;
    *to = found->get<std::string>();
  }
  for (const auto& [field, to] :
       {std::pair{"built_in_us", &tuned.built_in_us}, std::pair{"us", &tuned.tile_us}}) {
    const auto found = entry.find(field);
    if (found == entry.end() || !found->is_number()) return std::nullopt;
    *to = found->get<double>();
  }
  return tuned;
}

std::map<std::string, TunedShape> ReadChoices(const std::string& path) {
  std::map<std::string, TunedShape> choices;
  std::ifstream in(path, std::ios::binary);
  if (path.empty() || !in) return choices;
  std::string text(kMostFileBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  // Any depth of nesting is parsed on the heap; what is no JSON comes back as "discarded".
  const json file = text.size() > kMostFileBytes ? json() : json::parse(text, nullptr, false);
  const bool known = file.is_object() && file.value("format", json()) == kFormat;
  const json shapes = known ? file.value("shapes", json::object()) : json::object();
  if (!shapes.is_object()) return choices;
  for (const auto& [shape, entry] : shapes.items()) {
    auto tuned = ShapeFrom(shape, entry);
    if (tuned && choices.size() < kMostShapes) choices.emplace(shape, *std::move(tuned));
  }
  return choices;
}

std::string ToText(const std::map<std::string, TunedShape>& choices) {
  json shapes = json::object();
  for (const auto& [shape, tuned] : choices) {
    shapes[shape] = {{"built_in", tuned.built_in},
                     {"built_in_us", tuned.built_in_us},
                     {"tile", tuned.tile},
                     {"us", tuned.tile_us}};
  }
  return json{{"format", kFormat}, {"shapes", std::move(shapes)}}.dump(
             1, ' ', false, json::error_handler_t::replace) +
         "\n";
}

const Tile* FindTile(std::span<const Tile> candidates, const std::string& name) {
  const auto found = std::ranges::find(candidates, name, &Tile::name);
  return found == candidates.end() ? nullptr : &*found;
}

}  // namespace

/// Of the thread that began it.
class Tuner::Session final : public Tuning {
 public:
  Session(Tuner& tuner, std::function<bool()> idle)
      : tuner_(tuner),
        idle_(std::move(idle)),
        end_(tuner.options_.clock->Now() + tuner.options_.limit) {
    current_ = this;
  }
  ~Session() override {
    current_ = nullptr;
    if (!shapes_.empty()) tuner_.Save();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const std::vector<TunedShape>& shapes() const override { return shapes_; }
  /// The session of the calling thread with this tuner.
  static Session* Of(const Tuner& tuner) {
    return current_ != nullptr && &current_->tuner_ == &tuner ? current_ : nullptr;
  }
  /// Once false, always false.
  bool MayGoOn() {
    const bool hurried = tuner_.options_.mode == TuneMode::kFast;
    const bool late = hurried && tuner_.options_.clock->Now() >= end_;
    if (!stopped_ && (late || !idle_())) {
      stopped_ = true;
      base::LogInfo("tuning stops, built-in choices serve for the rest",
                    {{"why", late ? "its time is up" : "requests are being served"}});
    }
    return !stopped_;
  }
  /// A new session of kFull measures again what is known.
  bool Wants(const std::string& shape, bool known) const {
    const bool again = tuner_.options_.mode == TuneMode::kFull &&
                       std::ranges::find(shapes_, shape, &TunedShape::shape) == shapes_.end();
    return !known || again;
  }
  void Add(TunedShape tuned) { shapes_.push_back(std::move(tuned)); }

 private:
  static thread_local Session* current_;

  Tuner& tuner_;
  const std::function<bool()> idle_;
  const base::TimePoint end_;
  std::vector<TunedShape> shapes_;
  bool stopped_ = false;
};

thread_local Tuner::Session* Tuner::Session::current_ = nullptr;

Tuner::Tuner(Options options) : options_(std::move(options)) {
  if (enabled()) choices_ = ReadChoices(options_.path);
}

std::unique_ptr<Tuning> Tuner::Begin(std::function<bool()> idle) {
  if (!enabled()) return nullptr;
  return std::make_unique<Session>(*this, std::move(idle));
}

std::optional<TunedShape> Tuner::Find(const std::string& shape) const {
  base::MutexLock lock(mutex_);
  const auto found = choices_.find(shape);
  return found == choices_.end() ? std::nullopt : std::optional(found->second);
}

Tile Tuner::Choose(const std::string& shape, std::span<const Tile> candidates,
                   const MakeTrial& make) {
  const Tile& built_in = candidates.front();
  if (!enabled() || candidates.size() == 1) return built_in;
  const auto choice = [&]() -> const Tile* {
    const auto known = Find(shape);
    return known ? FindTile(candidates, known->tile) : nullptr;
  };
  Session* const session = Session::Of(*this);
  if (session != nullptr && session->Wants(shape, choice() != nullptr)) {
    base::MutexLock turn(trial_mutex_);  // another thread may have measured it meanwhile
    if (session->Wants(shape, choice() != nullptr) && session->MayGoOn()) {
      const auto trial = make();
      auto tuned = trial.ok() ? Measure(candidates, **trial, *session) : std::nullopt;
      if (tuned) {
        tuned->shape = shape;
        session->Add(*tuned);
        base::MutexLock lock(mutex_);
        choices_[shape] = *std::move(tuned);
      }
    }
  }
  const Tile* const chosen = choice();
  return chosen == nullptr ? built_in : *chosen;
}

std::optional<TunedShape> Tuner::Measure(std::span<const Tile> candidates, TileTrial& trial,
                                         Session& session) {
  const Tile& built_in = candidates.front();
  const std::size_t most = EffortOf(options_.mode).candidates;
  std::vector<std::byte> right;
  auto base_time = Time(built_in, trial, session, right, base::Duration::max());
  if (!base_time) return std::nullopt;
  const Tile* best = &built_in;
  base::Duration best_time = *base_time;
  for (const Tile& tile : candidates.first(std::min(most, candidates.size())).subspan(1)) {
    const auto time = Time(tile, trial, session, right, best_time);
    if (!time || *time >= best_time) continue;
    best = &tile;
    best_time = *time;
  }
  if (best != &built_in) {  // the machine may have been slower at the beginning
    const auto again = Time(built_in, trial, session, right, base::Duration::max());
    if (again) base_time = std::min(*base_time, *again);
  }
  // A shape is measured whole or not at all: half a comparison is none.
  if (!session.MayGoOn()) return std::nullopt;
  const double us = Microseconds(*base_time);
  const bool gains = Microseconds(best_time) < kWorthwhile * us;
  return TunedShape{.built_in = built_in.name(),
                    .tile = (gains ? *best : built_in).name(),
                    .built_in_us = us,
                    .tile_us = gains ? Microseconds(best_time) : us};
}

std::optional<base::Duration> Tuner::Time(const Tile& tile, TileTrial& trial, Session& session,
                                          std::vector<std::byte>& right, base::Duration best) {
  if (!session.MayGoOn()) return std::nullopt;
  ++runs_;
  auto result = trial.Result(tile);
  if (result.ok() && right.empty()) right = *result;
  if (!result.ok() || *result != right) {
    base::LogWarning("a kernel candidate fails its test and is left out",
                     {{"tile", tile.key() + " " + tile.name()},
                      {"why", result.ok() ? "other bytes" : result.message()}});
    return std::nullopt;
  }
  base::Duration least = base::Duration::max();
  for (int i = 0; i < EffortOf(options_.mode).repetitions; ++i) {
    if (!session.MayGoOn()) return std::nullopt;
    ++runs_;
    const auto time = trial.Time();
    if (!time.ok()) return std::nullopt;
    least = std::min(least, *time);
    if (Microseconds(least) > kHopeless * Microseconds(best)) return std::nullopt;
  }
  return least;
}

void Tuner::Save() const {
  if (options_.path.empty()) return;
  Choices choices;
  {
    base::MutexLock lock(mutex_);
    choices = choices_;
  }
  choices.merge(ReadChoices(options_.path));  // what other processes have found out
  const std::string text = ToText(choices);
  WriteAtomically(options_.path, {base::AsBytes(std::string_view(text))});
}

}  // namespace hadron::backend::opencl
