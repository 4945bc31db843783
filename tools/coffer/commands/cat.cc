// coffer cat URL -o FILE.npy: an array, or a region of it, as a NumPy file.
#include <memory>

#include "coffer/base/bytes.h"
#include "src/base/shown.h"
#include "tools/coffer/blocks.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/text.h"
#include "tools/formats/npy.h"

namespace coffer::inline v0::tool {
namespace {

struct Arguments {
  std::string url;
  std::string region;
  std::string output;
};

Status Cat(Session& session, const Arguments& arguments) {
  CancelToken cancel = session.cancel_token();
  COFFER_ASSIGN_OR_RETURN(Array array, Array::Open(arguments.url, {.context = session.context()}));
  Result<IndexTransform> region = IndexTransform::Parse(array.shape(), arguments.region);
  if (!region.ok()) return region.status().Annotate(array.url());
  const IndexTransform& transform = *region;
  std::string header = formats::NpyHeader(array.data_type(), transform.view_shape());
  COFFER_ASSIGN_OR_RETURN(
      formats::ArrayLayout layout,
      formats::ArrayLayout::Make(array.data_type(), transform.view_shape().span(),
                                 formats::Order::kC, std::ssize(header)));
  COFFER_ASSIGN_OR_RETURN(std::unique_ptr<formats::OutputFile> output,
                          formats::OutputFile::Create(arguments.output));
  COFFER_RETURN_IF_ERROR(output->file().WriteAt(0, AsBytes(header)));
  COFFER_RETURN_IF_ERROR(output->file().Resize(layout.offset + layout.bytes));
  formats::FileArray file{"", output->shared_file(), layout};
  {
    Progress progress = session.MakeProgress("cat");
    COFFER_RETURN_IF_ERROR(WriteToFile(array, transform, file,
                                       {.on_progress = progress.function(), .cancel = cancel}));
  }
  return output->Commit();
}

}  // namespace

void AddCat(const CommandLine& line) {
  Session& session = line.session();
  auto arguments = std::make_shared<Arguments>();
  CommandLine command =
      line.Command("cat", "Read an array or a region of it into a NumPy file",
                   [&session, arguments]() -> Result<int> {
                     Status status = Cat(session, *arguments);
                     if (status.code() == StatusCode::kCancelled) {
                       return status.Annotate(ShownPlace(arguments->output) + " is as it was");
                     }
                     COFFER_RETURN_IF_ERROR(status);
                     return kDone;
                   });
  command.Text("URL", &arguments->url, "an array");
  command.Text("--region", &arguments->region,
               "a part, as NumPy writes it: 0:10,5:20:2,: (an index drops its dimension)");
  command.Text("-o,--output", &arguments->output, "a .npy file; - is standard output", true);
}

}  // namespace coffer::inline v0::tool
