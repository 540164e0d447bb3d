#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "cli/commands.h"

namespace hadron::cli {

ExitCode RunBeside(const Context& context, const Beside& beside,
                   const std::vector<std::string>& arguments) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  const std::string program = (here / beside.program).string();
  std::vector<std::string> words = {program};
  if (context.json) words.emplace_back("--json");
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  context.out.flush();
  ::execv(program.c_str(), pointers.data());
  const std::string why = std::generic_category().message(errno);
  client::Error failure;
  failure.code = client::ErrorCode::kInvalidArgument;
  failure.message = fmt::format(
      "'{0}' needs the program '{1}', which cannot be run: {2}; it comes with the server, run "
      "'{0}' where that is installed",
      beside.command, program, why);
  return Complain(context, failure);
}

}  // namespace hadron::cli
