// A codec from outside: XORs every byte with 0x5A.
#ifndef PLUGIN_MASK_CODEC_H_
#define PLUGIN_MASK_CODEC_H_

#include <coffer/codec/codec.h>

coffer::CodecDriver MaskDriver();

#endif  // PLUGIN_MASK_CODEC_H_
