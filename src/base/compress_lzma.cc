// What liblzma writes: .xz, .lzma ("alone"), and raw filter chains.
//
// How memory stays bounded:
// 1. A decoder's dictionary has the size that a stream's header claims. The memory that the
//    options need, known when an array is opened, is the limit that liblzma is given; a raw chain
//    has no header, so it needs exactly that. Sound data that needs more is not supported, no
//    damage: another reader may have no such limit. The header of .lzma, which no checksum covers,
//    is not believed: nothing reaches further back than there are bytes to decode.
// 2. An encoder's dictionary is no larger than its input: an encoder takes ten times that much.
//
// A stream may end just where the destination does: a byte beside it takes what should not come.
// Streams of .xz may follow each other; they are told from garbage by their first bytes.
#include <lzma.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "src/base/compress.h"

namespace coffer::inline v0 {
namespace {

constexpr uint32_t kDefaultPreset = 6;

// A chain as liblzma takes it; the options stand beside it.
class Chain {
 public:
  Chain() = default;
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

  // `dict_size_max` cuts the dictionaries.
  Status Set(const LzmaOptions& options, uint32_t dict_size_max) {
    std::vector<LzmaFilter> filters = options.filters;
    if (filters.empty()) {
      filters.resize(1);
      filters[0].id = options.container == LzmaOptions::Container::kAlone ? LZMA_FILTER_LZMA1
                                                                          : LZMA_FILTER_LZMA2;
      filters[0].preset = options.preset;
    }
    if (filters.size() > LZMA_FILTERS_MAX) {
      return InvalidArgumentError(std::to_string(filters.size()) + " lzma filters, at most " +
                                  std::to_string(LZMA_FILTERS_MAX) + " can be chained");
    }
    for (size_t i = 0; i < filters.size(); ++i) {
      COFFER_RETURN_IF_ERROR(SetOne(i, filters[i], dict_size_max));
    }
    filters_[filters.size()] = {LZMA_VLI_UNKNOWN, nullptr};
    return Status();
  }

  const lzma_filter* filters() const { return filters_.data(); }
  const lzma_options_lzma* lzma() const { return &lzma_[0]; }

 private:
  Status SetOne(size_t i, const LzmaFilter& filter, uint32_t dict_size_max) {
    filters_[i] = {filter.id, nullptr};
    if (filter.id == LZMA_FILTER_DELTA) {
      delta_[i] = {};
      delta_[i].type = LZMA_DELTA_TYPE_BYTE;
      delta_[i].dist = filter.distance;
      filters_[i].options = &delta_[i];
    } else if (filter.id == LZMA_FILTER_LZMA1 || filter.id == LZMA_FILTER_LZMA2) {
      lzma_options_lzma& options = lzma_[i];
      if (lzma_lzma_preset(&options, filter.preset) != 0) {
        return InvalidArgumentError("lzma preset " + std::to_string(filter.preset) +
                                    " does not exist");
      }
      options.dict_size = std::min(filter.dict_size.value_or(options.dict_size), dict_size_max);
      options.lc = filter.lc.value_or(options.lc);
      options.lp = filter.lp.value_or(options.lp);
      options.pb = filter.pb.value_or(options.pb);
      options.mode = static_cast<lzma_mode>(filter.mode.value_or(options.mode));
      options.nice_len = filter.nice_len.value_or(options.nice_len);
      options.mf = static_cast<lzma_match_finder>(filter.mf.value_or(options.mf));
      options.depth = filter.depth.value_or(options.depth);
      filters_[i].options = &options;
    } else {
      branch_[i].start_offset = filter.start_offset;
      filters_[i].options = &branch_[i];
    }
    return Status();
  }

  std::array<lzma_filter, LZMA_FILTERS_MAX + 1> filters_{};
  std::array<lzma_options_lzma, LZMA_FILTERS_MAX> lzma_{};
  std::array<lzma_options_delta, LZMA_FILTERS_MAX> delta_{};
  std::array<lzma_options_bcj, LZMA_FILTERS_MAX> branch_{};
};

uint32_t DictSizeMax(size_t size) {
  return static_cast<uint32_t>(std::clamp<size_t>(size, LZMA_DICT_SIZE_MIN, size_t{1536} << 20));
}

lzma_check CheckOf(const LzmaOptions& options) {
  return options.check < 0 ? LZMA_CHECK_CRC64 : static_cast<lzma_check>(options.check);
}

struct Stream {
  ~Stream() { lzma_end(&stream); }
  lzma_stream stream = LZMA_STREAM_INIT;
};

Status Failed(lzma_ret status, const char* what) {
  if (status == LZMA_MEM_ERROR) {
    return ResourceExhaustedError(std::string("no memory for an lzma ") + what);
  }
  return InternalError(std::string("liblzma gives no ") + what + ": " + std::to_string(status));
}

Status Damaged(lzma_ret status, size_t memory_max) {
  switch (status) {
    case LZMA_MEM_ERROR:
      return ResourceExhaustedError("no memory for an lzma decompressor");
    case LZMA_MEMLIMIT_ERROR:
      return UnimplementedError("lzma data that decodes in more memory than its metadata says, " +
                                std::to_string(memory_max) + " bytes");
    case LZMA_BUF_ERROR:
      return DataLossError("damaged lzma data: cut short");
    default:
      return DataLossError("damaged lzma data");
  }
}

lzma_ret StartDecoder(lzma_stream* stream, const LzmaOptions& options, Chain& chain,
                      size_t memory_max) {
  switch (options.container) {
    case LzmaOptions::Container::kXz:
      return lzma_stream_decoder(stream, memory_max, 0);
    case LzmaOptions::Container::kAlone:
      return lzma_alone_decoder(stream, memory_max);
    case LzmaOptions::Container::kRaw:
      break;
  }
  return chain.Set(options, UINT32_MAX).ok() ? lzma_raw_decoder(stream, chain.filters())
                                             : LZMA_OPTIONS_ERROR;
}

// Gives the decoder the properties and the size of the dictionary at the start of an .lzma stream;
// of a dictionary that is larger than the `size` bytes to decode, that size.
lzma_ret BeginAlone(lzma_stream& stream, size_t size) {
  std::array<uint8_t, 5> start;
  if (stream.avail_in < start.size()) return LZMA_OK;
  std::copy_n(stream.next_in, start.size(), start.begin());
  uint32_t dict_size = 0;
  std::memcpy(&dict_size, &start[1], sizeof(dict_size));
  dict_size = std::min(dict_size, DictSizeMax(size));
  std::memcpy(&start[1], &dict_size, sizeof(dict_size));
  uint8_t room = 0;  // Nothing is decoded yet, but liblzma reads nothing where there is none.
  const lzma_stream given = stream;
  stream.next_in = start.data();
  stream.avail_in = start.size();
  stream.next_out = &room;
  stream.avail_out = 1;
  const lzma_ret status = lzma_code(&stream, LZMA_RUN);
  stream.next_in = given.next_in + start.size();
  stream.avail_in = given.avail_in - start.size();
  stream.next_out = given.next_out;
  stream.avail_out = given.avail_out;
  return status;
}

constexpr std::array<uint8_t, 6> kXzMagic = {0xfd, '7', 'z', 'X', 'Z', 0};

// At the end of a stream: skips its padding, zeros in fours. Whether another stream follows.
bool AnotherFollows(lzma_stream& stream) {
  constexpr std::array<uint8_t, 4> kPadding = {};
  const auto next_is = [&](const auto& bytes) {
    return stream.avail_in >= bytes.size() &&
           std::equal(bytes.begin(), bytes.end(), stream.next_in);
  };
  while (next_is(kPadding)) {
    stream.next_in += kPadding.size();
    stream.avail_in -= kPadding.size();
  }
  return next_is(kXzMagic);
}

}  // namespace

Status CheckLzmaOptions(const LzmaOptions& options) {
  using Container = LzmaOptions::Container;
  if (options.container == Container::kRaw && options.filters.empty()) {
    return InvalidArgumentError("raw lzma data needs a list of filters");
  }
  if (options.container == Container::kAlone && !options.filters.empty() &&
      (options.filters.size() != 1 || options.filters[0].id != LZMA_FILTER_LZMA1)) {
    return InvalidArgumentError("lzma data of the old format has the filter LZMA1 alone");
  }
  if (options.check >= 0 &&
      (options.check > LZMA_CHECK_ID_MAX ||
       lzma_check_is_supported(static_cast<lzma_check>(options.check)) == 0)) {
    return InvalidArgumentError("lzma check " + std::to_string(options.check) + " does not exist");
  }
  Chain chain;
  COFFER_RETURN_IF_ERROR(chain.Set(options, UINT32_MAX));
  const uint64_t decoder = lzma_raw_decoder_memusage(chain.filters());
  if (decoder == UINT64_MAX || lzma_raw_encoder_memusage(chain.filters()) == UINT64_MAX) {
    return InvalidArgumentError("liblzma knows no such chain of filters");
  }
  if (options.container == Container::kXz) {
    lzma_block block{};  // Refuses what only a raw chain may have.
    block.check = CheckOf(options);
    block.compressed_size = LZMA_VLI_UNKNOWN;
    block.uncompressed_size = LZMA_VLI_UNKNOWN;
    block.filters = const_cast<lzma_filter*>(chain.filters());
    if (lzma_block_header_size(&block) != LZMA_OK) {
      return InvalidArgumentError("these lzma filters cannot stand in .xz");
    }
  }
  if (decoder > kLzmaDecompressMemoryMax) {
    return UnimplementedError("lzma filters that decode in " + std::to_string(decoder) +
                              " bytes of memory; at most " +
                              std::to_string(kLzmaDecompressMemoryMax) + " are supported");
  }
  return Status();
}

size_t LzmaBound(size_t size) {
  // LZMA2 stores what does not shrink; LZMA1 does not, and grows by a few percent at worst.
  return size + size / 8 + 4096;
}

size_t LzmaCompressMemory(const LzmaOptions& options, size_t size) {
  Chain chain;
  if (!chain.Set(options, DictSizeMax(size)).ok()) return 0;
  constexpr size_t kContainerBytes = size_t{64} << 10;
  return lzma_raw_encoder_memusage(chain.filters()) + kContainerBytes;
}

size_t LzmaDecompressMemory(const LzmaOptions& options) {
  Chain chain;
  if (!chain.Set(options, UINT32_MAX).ok()) return 0;
  const size_t chosen = lzma_raw_decoder_memusage(chain.filters());
  constexpr size_t kContainerBytes = size_t{64} << 10;
  if (options.container == LzmaOptions::Container::kRaw) return chosen + kContainerBytes;
  return std::max<size_t>(chosen, lzma_easy_decoder_memusage(kDefaultPreset)) + kContainerBytes;
}

Result<size_t> LzmaCompress(std::span<const std::byte> in, const LzmaOptions& options,
                            std::span<std::byte> out) {
  Chain chain;
  COFFER_RETURN_IF_ERROR(chain.Set(options, DictSizeMax(in.size())));
  Stream holder;
  lzma_stream& stream = holder.stream;
  lzma_ret status = LZMA_OK;
  switch (options.container) {
    case LzmaOptions::Container::kXz:
      status = lzma_stream_encoder(&stream, chain.filters(), CheckOf(options));
      break;
    case LzmaOptions::Container::kAlone:
      status = lzma_alone_encoder(&stream, chain.lzma());
      break;
    case LzmaOptions::Container::kRaw:
      status = lzma_raw_encoder(&stream, chain.filters());
      break;
  }
  if (status != LZMA_OK) return Failed(status, "compressor");
  stream.next_in = reinterpret_cast<const uint8_t*>(in.data());
  stream.avail_in = in.size();
  stream.next_out = reinterpret_cast<uint8_t*>(out.data());
  stream.avail_out = out.size();
  while (status == LZMA_OK && stream.avail_out > 0) status = lzma_code(&stream, LZMA_FINISH);
  if (status == LZMA_STREAM_END) return static_cast<size_t>(stream.total_out);
  if (status == LZMA_MEM_ERROR) return Failed(status, "compressor");
  return InternalError("lzma of " + std::to_string(in.size()) + " bytes does not fit in " +
                       std::to_string(out.size()));
}

Result<size_t> LzmaDecompress(std::span<const std::byte> in, const LzmaOptions& options,
                              std::span<std::byte> out) {
  const size_t memory_max = LzmaDecompressMemory(options);
  Chain chain;
  Stream holder;
  lzma_stream& stream = holder.stream;
  stream.next_in = reinterpret_cast<const uint8_t*>(in.data());
  stream.avail_in = in.size();
  stream.next_out = reinterpret_cast<uint8_t*>(out.data());
  stream.avail_out = out.size();
  uint8_t beyond = 0;
  bool full = false;
  do {
    lzma_ret status = StartDecoder(&stream, options, chain, memory_max);
    if (status != LZMA_OK) return Failed(status, "decompressor");
    if (options.container == LzmaOptions::Container::kAlone) {
      status = BeginAlone(stream, out.size());
    }
    while (status == LZMA_OK) {
      if (stream.avail_out == 0) {
        if (full) break;
        full = true;
        stream.next_out = &beyond;
        stream.avail_out = 1;
      }
      status = lzma_code(&stream, LZMA_FINISH);
    }
    if (full && stream.avail_out == 0) {
      return DataLossError("lzma data decodes to more than the " + std::to_string(out.size()) +
                           " bytes expected");
    }
    if (status != LZMA_STREAM_END) return Damaged(status, memory_max);
  } while (options.container == LzmaOptions::Container::kXz && AnotherFollows(stream));
  if (stream.avail_in > 0) {
    return DataLossError("lzma data with " + std::to_string(stream.avail_in) +
                         (stream.avail_in == 1 ? " byte" : " bytes") + " after its end");
  }
  return full ? out.size() : out.size() - stream.avail_out;
}

bool LzmaHasChecksum(std::span<const std::byte> in, const LzmaOptions& options) {
  if (options.container != LzmaOptions::Container::kXz) return false;
  lzma_stream_flags flags;
  return in.size() >= LZMA_STREAM_HEADER_SIZE &&
         lzma_stream_header_decode(&flags, reinterpret_cast<const uint8_t*>(in.data())) ==
             LZMA_OK &&
         flags.check != LZMA_CHECK_NONE && lzma_check_is_supported(flags.check) != 0;
}

}  // namespace coffer::inline v0
