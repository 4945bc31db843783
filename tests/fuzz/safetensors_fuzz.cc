// Goal: no safetensors file crashes the parser; the tensors it accepts lie within the file, and
// planning them again gives a file of the same size of data.
#include <cstdint>
#include <cstdlib>

#include "tools/formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto file_size = static_cast<int64_t>(size);
  std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  coffer::Result<int64_t> header = coffer::formats::SafetensorsHeaderSize(file, file_size);
  if (!header.ok()) return 0;
  coffer::Result<coffer::formats::Safetensors> parsed =
      coffer::formats::ParseSafetensors(file.first(static_cast<size_t>(*header)), file_size);
  if (!parsed.ok()) return 0;
  std::vector<coffer::formats::TensorSpec> specs;
  for (const coffer::formats::Tensor& tensor : parsed->tensors) {
    const coffer::formats::ArrayLayout& layout = tensor.layout;
    if (layout.offset < *header || layout.offset + layout.bytes > file_size) abort();
    specs.push_back({tensor.name, layout.data_type, layout.shape});
  }
  coffer::Result<coffer::formats::SafetensorsPlan> plan =
      coffer::formats::PlanSafetensors(specs, parsed->metadata);
  if (!plan.ok()) abort();
  auto plan_header = static_cast<int64_t>(plan->header.size());
  if (plan->file_size - plan_header != file_size - *header) abort();
  return 0;
}
