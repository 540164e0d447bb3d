#include "bench/ort_arm.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace hadron::bench {

using base::Status;
using base::StatusOr;

StatusOr<std::unique_ptr<OrtArm>> OrtArm::Start(const std::string& python) {
  std::array<int, 2> to{};
  std::array<int, 2> from{};
  if (pipe(to.data()) != 0 || pipe(from.data()) != 0) return base::Internal("pipe failed");
  const std::string script = std::string(HADRON_SOURCE_DIR) + "/bench/ort_arm.py";
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    for (const int fd : {to[0], to[1], from[0], from[1]}) close(fd);
    execl(python.c_str(), python.c_str(), script.c_str(), nullptr);
    _exit(127);
  }
  close(to[0]);
  close(from[1]);
  auto arm = std::unique_ptr<OrtArm>(new OrtArm(fdopen(to[1], "w"), fdopen(from[0], "r"), pid));
  auto hello = arm->ReadLine();
  if (!hello.ok()) {
    return base::Unavailable(fmt::format(
        "'{}' cannot run ONNX Runtime; make the environment with ./setup.sh venv", python));
  }
  arm->version_ = *hello;
  return arm;
}

OrtArm::~OrtArm() {
  std::fclose(to_);
  std::fclose(from_);
  waitpid(pid_, nullptr, 0);
}

StatusOr<std::string> OrtArm::ReadLine() {
  std::string line;
  for (int c = std::fgetc(from_); c != EOF; c = std::fgetc(from_)) {
    if (c == '\n') return line;
    line += static_cast<char>(c);
  }
  return base::Unavailable("the ONNX Runtime process has ended");
}

Status OrtArm::Send(const std::string& line) {
  std::fputs((line + "\n").c_str(), to_);
  std::fflush(to_);
  return {};
}

Status OrtArm::Open(const std::string& path, int threads,
                    const std::vector<tensor::TensorDesc>& inputs,
                    const std::vector<std::string>& bytes) {
  nlohmann::json request = {{"open", path}, {"threads", threads}, {"inputs", nullptr}};
  request["inputs"] = nlohmann::json::array();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::string hex;
    for (const char c : bytes[i]) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    request["inputs"].push_back({{"name", inputs[i].name},
                                 {"type", tensor::DataTypeName(inputs[i].type)},
                                 {"shape", inputs[i].shape.vector()},
                                 {"hex", hex}});
  }
  HADRON_RETURN_IF_ERROR(Send(request.dump()));
  HADRON_ASSIGN_OR_RETURN(const std::string answer, ReadLine());
  return answer == "ok" ? Status() : base::Internal("ONNX Runtime: " + answer);
}

StatusOr<double> OrtArm::Time(int count) {
  HADRON_RETURN_IF_ERROR(Send(fmt::format(R"({{"time":{}}})", count)));
  HADRON_ASSIGN_OR_RETURN(const std::string answer, ReadLine());
  const auto value = base::ParseDouble(answer);
  if (!value) return base::Internal("ONNX Runtime: " + answer);
  return *value;
}

StatusOr<std::vector<std::string>> OrtArm::Outputs() {
  HADRON_RETURN_IF_ERROR(Send(R"({"outputs":true})"));
  HADRON_ASSIGN_OR_RETURN(const std::string answer, ReadLine());
  const auto parsed = nlohmann::json::parse(answer, nullptr, false);
  if (!parsed.is_array()) return base::Internal("ONNX Runtime: " + answer);
  std::vector<std::string> outputs;
  for (const auto& item : parsed) {
    const auto hex = item.get<std::string>();
    std::string& bytes = outputs.emplace_back();
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
  }
  return outputs;
}

}  // namespace hadron::bench
