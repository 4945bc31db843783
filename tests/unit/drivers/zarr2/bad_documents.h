// .zarray documents that must be refused, each as a patch of the good one in documents.h, with the
// whole error: what the specification forbids member by member, and what is valid but not
// supported.
#ifndef COFFER_TESTS_UNIT_DRIVERS_ZARR2_BAD_DOCUMENTS_H_
#define COFFER_TESTS_UNIT_DRIVERS_ZARR2_BAD_DOCUMENTS_H_

#include <string_view>

namespace coffer::zarr2 {

struct BadDocument {
  std::string_view patch;
  std::string_view error;
};

inline constexpr std::string_view kGoodArray = R"({
  "zarr_format": 2,
  "shape": [4, 6],
  "chunks": [2, 3],
  "dtype": "<u2",
  "compressor": {"id": "zstd", "level": 3},
  "fill_value": 7,
  "order": "C",
  "filters": null
})";

inline constexpr BadDocument kBadDocuments[] = {
    // zarr_format:
    {R"({"zarr_format": 3})", "InvalidArgument: at $.zarr_format: expected 2, got 3"},
    {R"({"zarr_format": 2.0})", "InvalidArgument: at $.zarr_format: expected 2, got 2.0"},
    {R"({"zarr_format": "2"})", "InvalidArgument: at $.zarr_format: expected 2, got \"2\""},
    {R"({"zarr_format": true})", "InvalidArgument: at $.zarr_format: expected 2, got true"},
    {R"({"zarr_format": "absent"})", "InvalidArgument: at $: missing member \"zarr_format\""},
    // Every member but dimension_separator is required:
    {R"({"shape": "absent"})", "InvalidArgument: at $: missing member \"shape\""},
    {R"({"chunks": "absent"})", "InvalidArgument: at $: missing member \"chunks\""},
    {R"({"dtype": "absent"})", "InvalidArgument: at $: missing member \"dtype\""},
    {R"({"compressor": "absent"})", "InvalidArgument: at $: missing member \"compressor\""},
    {R"({"fill_value": "absent"})", "InvalidArgument: at $: missing member \"fill_value\""},
    {R"({"order": "absent"})", "InvalidArgument: at $: missing member \"order\""},
    {R"({"filters": "absent"})", "InvalidArgument: at $: missing member \"filters\""},
    // shape, chunks:
    {R"({"shape": [-1, 6]})", "InvalidArgument: at $.shape[0]: expected an integer >= 0, got -1"},
    {R"({"shape": [4, 1.5]})", "InvalidArgument: at $.shape[1]: expected an integer >= 0, got 1.5"},
    {R"({"shape": [true, 6]})",
     "InvalidArgument: at $.shape[0]: expected an integer >= 0, got true"},
    {R"({"shape": "3"})", "InvalidArgument: at $.shape: expected an array, got \"3\""},
    {R"({"shape": null})", "InvalidArgument: at $.shape: expected an array, got null"},
    {R"({"shape": [4294967296, 4294967296]})",
     "InvalidArgument: at $.shape: an array of shape [4294967296, 4294967296] has more than "
     "2^63 - 1 bytes"},
    {R"({"shape": [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]})",
     "Unimplemented: at $.shape: 33 dimensions; at most 32 are supported"},
    {R"({"chunks": [2]})",
     "InvalidArgument: at $.chunks: expected as many extents as the shape has, 2, got [2]"},
    {R"({"chunks": [2, 0]})", "InvalidArgument: at $.chunks[1]: expected an integer >= 1, got 0"},
    {R"({"chunks": true})", "InvalidArgument: at $.chunks: expected an array, got true"},
    {R"({"chunks": [1099511627776, 1099511627776]})",
     "InvalidArgument: at $.chunks: a chunk of shape [1099511627776, 1099511627776] has more than "
     "2^60 bytes"},
    {R"({"chunks": [65536, 65536], "compressor": null})",
     "Unimplemented: at $.chunks: a chunk of shape [65536, 65536] has 8589934592 bytes; at most "
     "4294967296 are decoded as one"},
    // dtype:
    {R"({"dtype": "u2"})",
     "InvalidArgument: at $.dtype: expected a NumPy type string such as \"<i4\", got \"u2\""},
    {R"({"dtype": "=u2"})",
     "InvalidArgument: at $.dtype: expected a NumPy type string such as \"<i4\", got \"=u2\""},
    {R"({"dtype": "<"})",
     "InvalidArgument: at $.dtype: expected a NumPy type string such as \"<i4\", got \"<\""},
    {R"({"dtype": "<x2"})",
     "InvalidArgument: at $.dtype: expected a NumPy type string such as \"<i4\", got \"<x2\""},
    {R"({"dtype": "<u2 "})",
     "InvalidArgument: at $.dtype: expected a NumPy type string such as \"<i4\", got \"<u2 \""},
    {R"({"dtype": "uint16"})",
     "InvalidArgument: at $.dtype: expected a NumPy type string such as \"<i4\", got \"uint16\""},
    {R"({"dtype": 2})", "InvalidArgument: at $.dtype: expected a NumPy type string, got 2"},
    {R"({"dtype": "|u2"})",
     "InvalidArgument: at $.dtype: expected a byte order (< or >) for more than one byte, got "
     "\"|u2\""},
    {R"({"dtype": "<f16"})",
     "Unimplemented: at $.dtype: data type \"<f16\" (of this width) is not supported yet"},
    {R"({"dtype": "<i3"})",
     "Unimplemented: at $.dtype: data type \"<i3\" (of this width) is not supported yet"},
    {R"({"dtype": "|S5"})",
     "Unimplemented: at $.dtype: data type \"|S5\" (byte strings) is not supported yet"},
    {R"({"dtype": "<U5"})",
     "Unimplemented: at $.dtype: data type \"<U5\" (strings) is not supported yet"},
    {R"({"dtype": "<M8[ns]"})",
     "Unimplemented: at $.dtype: data type \"<M8[ns]\" (dates) is not supported yet"},
    {R"({"dtype": "<m8[10us]"})",
     "Unimplemented: at $.dtype: data type \"<m8[10us]\" (time differences) is not supported yet"},
    {R"({"dtype": "|V4"})",
     "Unimplemented: at $.dtype: data type \"|V4\" (opaque bytes) is not supported yet"},
    {R"({"dtype": "|O"})",
     "Unimplemented: at $.dtype: data type \"|O\" (objects) is not supported yet"},
    {R"({"dtype": [["a", "<i4"], ["b", "<f4"]]})",
     "Unimplemented: at $.dtype: data type [[\"a\",\"<i4\"],[\"b\",\"<f4\"]] (structured) is not "
     "supported yet"},
    {R"({"dtype": "float8_e4m3fn"})",
     "Unimplemented: at $.dtype: data type \"float8_e4m3fn\" (of TensorStore's) is not supported "
     "yet"},
    {R"({"dtype": "int4"})",
     "Unimplemented: at $.dtype: data type \"int4\" (of TensorStore's) is not supported yet"},
    // fill_value:
    {R"({"fill_value": -1})",
     "InvalidArgument: at $.fill_value: expected an integer from 0 to 65535, got -1"},
    {R"({"fill_value": 65536})",
     "InvalidArgument: at $.fill_value: expected an integer from 0 to 65535, got 65536"},
    {R"({"fill_value": 1.5})",
     "InvalidArgument: at $.fill_value: expected an integer from 0 to 65535, got 1.5"},
    {R"({"fill_value": "1"})",
     "InvalidArgument: at $.fill_value: expected an integer from 0 to 65535, got \"1\""},
    {R"({"dtype": "|b1", "fill_value": 2})",
     "InvalidArgument: at $.fill_value: expected an integer from 0 to 1, got 2"},
    {R"({"dtype": "<f4", "fill_value": "nan"})",
     "InvalidArgument: at $.fill_value: expected a number, \"NaN\", \"Infinity\" or \"-Infinity\", "
     "got \"nan\""},
    {R"({"dtype": "<f4", "fill_value": "0x7fc00000"})",
     "InvalidArgument: at $.fill_value: expected a number, \"NaN\", \"Infinity\" or \"-Infinity\", "
     "got \"0x7fc00000\""},
    {R"({"dtype": "<f4", "fill_value": 1e39})",
     "InvalidArgument: at $.fill_value: expected a number within the data type's range, got "
     "1e+39"},
    {R"({"dtype": "<c8", "fill_value": [1]})",
     "InvalidArgument: at $.fill_value: expected a list of two numbers, got [1]"},
    {R"({"dtype": "<c8", "fill_value": [1, "0x7fc00000"]})",
     "InvalidArgument: at $.fill_value[1]: expected a number, \"NaN\", \"Infinity\" or "
     "\"-Infinity\", got \"0x7fc00000\""},
    {R"({"dtype": "<c8", "fill_value": "AAAA"})",
     "InvalidArgument: at $.fill_value: expected a list of two numbers, or base64 of 8 bytes, got "
     "\"AAAA\""},
    // order, filters, dimension_separator:
    {R"({"order": "A"})", "InvalidArgument: at $.order: expected \"C\" or \"F\", got \"A\""},
    {R"({"order": null})", "InvalidArgument: at $.order: expected \"C\" or \"F\", got null"},
    {R"({"filters": [{"id": "delta", "dtype": "<u2"}]})",
     "Unimplemented: at $.filters[0]: filter \"delta\" is not supported yet"},
    {R"({"filters": [7]})", "Unimplemented: at $.filters[0]: filter 7 is not supported yet"},
    {R"({"filters": {}})", "InvalidArgument: at $.filters: expected an array, got {}"},
    {R"({"dimension_separator": "-"})",
     "InvalidArgument: at $.dimension_separator: expected \".\" or \"/\", got \"-\""},
    {R"({"dimension_separator": ""})",
     "InvalidArgument: at $.dimension_separator: expected \".\" or \"/\", got \"\""},
    {R"({"dimension_separator": null})",
     "InvalidArgument: at $.dimension_separator: expected \".\" or \"/\", got null"},
    // compressor:
    {R"({"compressor": "zstd"})",
     "InvalidArgument: at $.compressor: expected null or an object, got \"zstd\""},
    {R"({"compressor": {"level": 1}})", "InvalidArgument: at $.compressor: missing member \"id\""},
    {R"({"compressor": {"id": 1}})",
     "InvalidArgument: at $.compressor.id: expected a string, got 1"},
    {R"({"compressor": {"id": "pcodec"}})",
     "Unimplemented: at $.compressor.id: compressor \"pcodec\" is not supported yet"},
    {R"({"compressor": {"id": "transpose", "order": [1, 0]}})",
     "Unimplemented: at $.compressor.id: compressor \"transpose\" is not supported yet"},
    {R"({"compressor": {"id": "gzip", "level": 10}})",
     "InvalidArgument: at $.compressor.level: expected an integer from 0 to 9, got 10"},
    {R"({"compressor": {"id": "zlib", "level": -2}})",
     "InvalidArgument: at $.compressor.level: expected an integer from -1 to 9, got -2"},
    {R"({"compressor": {"id": "bz2", "level": 0}})",
     "InvalidArgument: at $.compressor.level: expected an integer from 1 to 9, got 0"},
    {R"({"compressor": {"id": "zstd", "level": 23}})",
     "InvalidArgument: at $.compressor.level: expected an integer from -131072 to 22, got 23"},
    {R"({"compressor": {"id": "zstd", "level": 1, "dict": 7}})",
     "InvalidArgument: at $.compressor: unknown member \"dict\""},
    {R"({"compressor": {"id": "lz4", "acceleration": "fast"}})",
     "InvalidArgument: at $.compressor.acceleration: expected an integer from -2147483648 to "
     "2147483647, got \"fast\""},
    {R"({"compressor": {"id": "blosc", "cname": "brotli"}})",
     "InvalidArgument: at $.compressor.cname: expected blosclz, lz4, lz4hc, snappy, zlib or zstd, "
     "got \"brotli\""},
    {R"({"compressor": {"id": "blosc", "clevel": 10}})",
     "InvalidArgument: at $.compressor.clevel: expected an integer from 0 to 9, got 10"},
    {R"({"compressor": {"id": "blosc", "shuffle": 3}})",
     "InvalidArgument: at $.compressor.shuffle: expected an integer from -1 to 2, got 3"},
    {R"({"compressor": {"id": "lzma", "format": 0}})",
     "InvalidArgument: at $.compressor.format: expected an integer from 1 to 3, got 0"},
    {R"({"compressor": {"id": "lzma", "preset": 10}})",
     "InvalidArgument: at $.compressor: lzma preset 10 does not exist"},
    {R"({"compressor": {"id": "lzma", "format": 3}})",
     "InvalidArgument: at $.compressor: raw lzma data needs a list of filters"},
    {R"({"compressor": {"id": "lzma", "filters": [{"id": 3, "dist": 2}]}})",
     "InvalidArgument: at $.compressor: liblzma knows no such chain of filters"},
    {R"({"compressor": {"id": "lzma", "filters": [{"id": 33, "dict_size": 1610612736}]}})",
     "Unimplemented: at $.compressor: lzma filters that decode in 1610678328 bytes of memory; at "
     "most 268435456 are supported"},
    {R"({"compressor": {"id": "lzma", "filters": [{"dist": 1}]}})",
     "InvalidArgument: at $.compressor.filters[0]: missing member \"id\""},
    {R"({"chunks": [65536, 32768], "compressor": {"id": "lz4"}})",
     "InvalidArgument: at $.compressor: codecs[1] (lz4): chunks of up to 4294967296 bytes, lz4 "
     "holds at most 2113929216"},
};

}  // namespace coffer::zarr2

#endif  // COFFER_TESTS_UNIT_DRIVERS_ZARR2_BAD_DOCUMENTS_H_
