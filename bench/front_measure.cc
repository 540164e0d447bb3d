#include "bench/front_measure.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;

constexpr std::size_t kCopyBlock = 64UL << 20U;

Status CheckFirst(const Arm& arm, const Combination& combination, const WireRequest& request,
                  const std::string& answer) {
  const Payload& payload = *combination.payload;
  switch (arm.answers) {
    case Answers::kOutputs:
      return CheckTensors(combination.protocol, answer, payload.outputs);
    case Answers::kInputs:
      return CheckTensors(combination.protocol, answer, payload.inputs);
    case Answers::kEcho:
      return answer == request.body ? Status() : base::Internal("the echo differs");
  }
  return {};
}

StatusOr<Sample> MeasureOnce(const Arm& arm, Load& load, const Pace& pace) {
  HADRON_RETURN_IF_ERROR(load.Run(pace.warm).status());
  HADRON_ASSIGN_OR_RETURN(const double before, arm.process->CpuMicros());
  HADRON_ASSIGN_OR_RETURN(const LoadResult result, load.Run(pace.measure));
  HADRON_ASSIGN_OR_RETURN(const double after, arm.process->CpuMicros());
  const auto requests = static_cast<double>(result.requests);
  return Sample{(after - before) / requests, result.wall_us / requests, result.p50_us,
                result.p99_us, result.generator_share};
}

/// Microseconds to copy `bytes` at the rate of 64 MiB blocks.
double TimeMemcpy(std::size_t bytes) {
  static const std::vector<char> from(kCopyBlock, 'x');
  static std::vector<char> to(kCopyBlock);
  std::memcpy(to.data(), from.data(), kCopyBlock);  // a fork may have made the pages shared
  const auto begin = std::chrono::steady_clock::now();
  std::memcpy(to.data(), from.data(), kCopyBlock);
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - begin;
  return time.count() * static_cast<double>(bytes) / static_cast<double>(kCopyBlock);
}

}  // namespace

std::string Combination::Label() const {
  return fmt::format("{} {} x{}", ProtocolName(protocol), payload->label, outstanding);
}

StatusOr<std::unique_ptr<Load>> OpenLoad(const Arm& arm, const Combination& combination) {
  const Protocol protocol = combination.protocol;
  const WireRequest request = Encode(protocol, *combination.payload);
  auto load = IsRest(protocol)
                  ? OpenRestLoad(arm.process->port("http"), request, combination.outstanding)
                  : OpenGrpcLoad(arm.process->port("grpc"), request, combination.outstanding,
                                 protocol == Protocol::kGrpcStream);
  Status status = load.CloneStatus();
  if (status.ok()) status = (*load)->Run({}).status();
  if (status.ok()) status = CheckFirst(arm, combination, request, (*load)->first_answer());
  if (!status.ok()) return std::move(status).With(combination.Label() + ", " + arm.name);
  return load;
}

StatusOr<Measurement> Measure(const std::vector<Arm>& arms, const Combination& combination,
                              const Pace& pace) {
  std::vector<std::unique_ptr<Load>> loads;
  for (const Arm& arm : arms) {
    HADRON_ASSIGN_OR_RETURN(auto load, OpenLoad(arm, combination));
    loads.push_back(std::move(load));
  }
  Measurement measurement{std::vector<std::vector<Sample>>(arms.size()), {}};
  for (int round = 0; round < pace.rounds; ++round) {
    measurement.memcpy_us.push_back(TimeMemcpy(combination.payload->bytes()));
    for (std::size_t i = 0; i < arms.size(); ++i) {
      const std::size_t turn = (i + static_cast<std::size_t>(round)) % arms.size();
      auto sample = MeasureOnce(arms[turn], *loads[turn], pace);
      if (!sample.ok()) {
        return std::move(sample).status().With(combination.Label() + ", " + arms[turn].name);
      }
      measurement.arms[turn].push_back(*sample);
    }
  }
  return measurement;
}

StatusOr<double> PeakGrowth(FrontServers& servers, const Arm& arm, Protocol protocol,
                            const Payload& small, const Payload& payload) {
  HADRON_ASSIGN_OR_RETURN(const auto process, servers.StartAnother(arm.name));
  const Arm young{arm.name, process.get(), arm.answers};
  HADRON_RETURN_IF_ERROR(OpenLoad(young, {protocol, &small, 1}).status());
  if (!process->ResetPeakResident()) {
    return base::PermissionDenied("the kernel does not let us reset the peak resident set");
  }
  HADRON_ASSIGN_OR_RETURN(const std::uint64_t before, process->PeakResidentBytes());
  HADRON_RETURN_IF_ERROR(OpenLoad(young, {protocol, &payload, 1}).status());
  HADRON_ASSIGN_OR_RETURN(const std::uint64_t after, process->PeakResidentBytes());
  return static_cast<double>(after - before) / static_cast<double>(payload.bytes());
}

}  // namespace hadron::bench
