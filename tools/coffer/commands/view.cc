// coffer view URL --slice 0=90 -o out.png: a picture of a two-dimensional slice.
#include <charconv>
#include <memory>
#include <vector>

#include "coffer/array/array.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/picture.h"
#include "tools/coffer/text.h"
#include "tools/formats/png.h"

namespace coffer::inline v0::tool {
namespace {

struct Arguments {
  std::string url;
  std::vector<std::string> slices;
  std::optional<Window> window;
  std::string output;
};

// "DIM=INDEX".
Result<Selection> ParseSlice(const std::string& text) {
  Selection selection;
  size_t equals = text.find('=');
  bool good = equals != std::string::npos;
  auto parse = [&](std::string_view part, auto* value) {
    auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), *value);
    good = good && error == std::errc() && end == part.data() + part.size();
  };
  std::string_view view = text;
  parse(view.substr(0, equals), &selection.dim);
  if (good) parse(view.substr(equals + 1), &selection.at);
  if (good) return selection;
  return InvalidArgumentError("\"" + text + "\" is no slice (example: 0=90)");
}

Status WritePicture(Session& session, const Arguments& arguments) {
  COFFER_ASSIGN_OR_RETURN(Array array, Array::Open(arguments.url, {.context = session.context()}));
  std::vector<Selection> selections;
  for (const std::string& text : arguments.slices) {
    COFFER_ASSIGN_OR_RETURN(Selection selection, ParseSlice(text));
    selections.push_back(selection);
  }
  Result<IndexTransform> slice = IndexTransform::FromSelections(array.shape(), selections);
  if (!slice.ok()) return slice.status().Annotate(array.url());
  const IndexTransform& transform = *slice;
  if (transform.view_shape().rank() != 2) {
    return InvalidArgumentError(array.url() + ": --slice must leave two dimensions of " +
                                ToString(array.shape()) + ", not " +
                                std::to_string(transform.view_shape().rank()));
  }
  for (int64_t side : transform.view_shape()) {
    if (side < 1 || side > 65535) {
      return InvalidArgumentError(array.url() + ": a picture has sides of 1 to 65535, not " +
                                  ToString(transform.view_shape()));
    }
  }
  COFFER_ASSIGN_OR_RETURN(OwnedArray values, array.ReadOwned(transform));
  Result<OwnedArray> picture = MakePicture(values, arguments.window);
  if (!picture.ok()) return picture.status().Annotate(array.url());
  COFFER_ASSIGN_OR_RETURN(std::unique_ptr<formats::OutputFile> output,
                          formats::OutputFile::Create(arguments.output));
  COFFER_RETURN_IF_ERROR(formats::WritePng(picture->view(), *output));
  return output->Commit();
}

}  // namespace

void AddView(const CommandLine& line) {
  Session& session = line.session();
  auto arguments = std::make_shared<Arguments>();
  CommandLine command = line.Command("view", "Write a 2-d slice as a PNG picture",
                                     [&session, arguments]() -> Result<int> {
                                       COFFER_RETURN_IF_ERROR(WritePicture(session, *arguments));
                                       return kDone;
                                     });
  command.Text("URL", &arguments->url, "an array");
  command.Texts("--slice", &arguments->slices, "DIM=INDEX, as often as dimensions are to go",
                [](const std::string& text) { return ParseSlice(text).status(); });
  command.Parsed(
      "--window", &arguments->window,
      [](const std::string& text) -> Result<std::optional<Window>> {
        COFFER_ASSIGN_OR_RETURN(Window window, ParseWindow(text));
        return std::optional(window);
      },
      "LOW:HIGH: the values that are black and white (default: as stored, or the extremes)");
  command.Text("-o,--output", &arguments->output, "a .png file; - is standard output", true);
}

}  // namespace coffer::inline v0::tool
