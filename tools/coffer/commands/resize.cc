// coffer resize URL SHAPE: changes an array's shape.
#include <memory>

#include "coffer/array/array.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {

void AddResize(const CommandLine& line) {
  Session& session = line.session();
  auto url = std::make_shared<std::string>();
  auto shape = std::make_shared<Shape>();
  CommandLine command = line.Command(
      "resize", "Change the shape of an array; what falls outside is deleted",
      [&session, url, shape]() -> Result<int> {
        COFFER_ASSIGN_OR_RETURN(Array array, Array::Open(*url, {.context = session.context()}));
        Shape before = array.shape();
        COFFER_RETURN_IF_ERROR(array.Resize(*shape));
        session.Note(array.url() + ": " + ToString(before) + " is now " + ToString(*shape));
        return kDone;
      });
  command.Text("URL", url.get(), "an array");
  command.Parsed(
      "SHAPE", shape.get(), [](const std::string& text) { return ParseShape(text); },
      "the new extents: 100,200,300");
}

}  // namespace coffer::inline v0::tool
