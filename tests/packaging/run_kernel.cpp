// Runs one kernel on raw arrays, where no Python runs: integers as arguments, arrays from standard
// input and to standard output. Used by test_aarch64.py.
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "petsgan/build_info.h"
#include "petsgan/errors.h"
#include "petsgan/noise.h"
#include "petsgan/patch_transfer.h"
#include "petsgan/resize_window.h"
#include "petsgan/signed_to_u8.h"
#include "petsgan/texture_transfer.h"

namespace {

using Arguments = std::vector<std::int64_t>;

template <typename T>
std::vector<T> read(std::int64_t count) {
  std::vector<T> values(static_cast<std::size_t>(count));
  const auto bytes = static_cast<std::streamsize>(values.size() * sizeof(T));
  if (!std::cin.read(reinterpret_cast<char*>(values.data()), bytes)) {
    throw petsgan::InputError("standard input must hold all arrays, got too little");
  }
  return values;
}

template <typename T>
void write(const std::vector<T>& values) {
  std::cout.write(reinterpret_cast<const char*>(values.data()),
                  static_cast<std::streamsize>(values.size() * sizeof(T)));
}

void simd(const Arguments&) { std::cout << petsgan::build_info().simd; }

// batch channels height width stage first_image top left seed
void normal_noise(const Arguments& a) {
  const petsgan::NoiseBlock block{a.at(0),
                                  a.at(1),
                                  a.at(2),
                                  a.at(3),
                                  static_cast<std::uint32_t>(a.at(4)),
                                  static_cast<std::uint32_t>(a.at(5)),
                                  static_cast<std::int32_t>(a.at(6)),
                                  static_cast<std::int32_t>(a.at(7))};
  std::vector<float> out(static_cast<std::size_t>(a.at(0) * a.at(1) * a.at(2) * a.at(3)));
  petsgan::normal_noise(block, static_cast<std::uint64_t>(a.at(8)), out.data());
  write(out);
}

// height width of the canvas, height width of the crop, threads
void signed_to_u8(const Arguments& a) {
  const std::vector<float> pixels = read<float>(3 * a.at(0) * a.at(1));
  std::vector<std::uint8_t> out(static_cast<std::size_t>(3 * a.at(2) * a.at(3)));
  petsgan::signed_to_u8({a.at(0), a.at(1), pixels.data()}, a.at(2), a.at(3),
                        static_cast<int>(a.at(4)), out.data());
  write(out);
}

// maps, then for rows and for columns source target start length origin available, then wrap
// threads
void resize_window(const Arguments& a) {
  const auto axis = [&](std::size_t i) {
    return petsgan::ResizeAxis{a.at(i),     a.at(i + 1), a.at(i + 2),
                               a.at(i + 3), a.at(i + 4), a.at(i + 5)};
  };
  const petsgan::ResizeShape shape{a.at(0), axis(1), axis(7), a.at(13) != 0};
  const auto source = read<float>(shape.maps * shape.rows.available * shape.columns.available);
  std::vector<float> out(
      static_cast<std::size_t>(shape.maps * shape.rows.length * shape.columns.length));
  petsgan::resize_window(shape, source.data(), static_cast<int>(a.at(14)), out.data());
  write(out);
}

// batch height width source_height source_width factor threads
void texture_transfer(const Arguments& a) {
  const petsgan::TextureTransferShape shape{a.at(0), a.at(1), a.at(2), a.at(3), a.at(4), a.at(5)};
  const std::int64_t blocks = shape.batch * shape.height * shape.width;
  const std::int64_t block_size = 3 * shape.factor * shape.factor;
  const auto index = read<std::int32_t>(blocks);
  const auto texture = read<float>(shape.source_height * shape.source_width * block_size);
  std::vector<float> out(static_cast<std::size_t>(blocks * block_size));
  petsgan::texture_transfer(shape, index.data(), texture.data(), static_cast<int>(a.at(6)),
                            out.data());
  write(out);
}

// batch height width, then of the reference channels value_channels height width images, then
// window, millionths of the temperature, normalize, threads
void patch_transfer(const Arguments& a) {
  const petsgan::PatchReference::Shape shape{a.at(3), a.at(4), a.at(5), a.at(6), a.at(7)};
  const std::int64_t queries = a.at(0) * a.at(1) * a.at(2);
  const std::int64_t references = shape.images * shape.height * shape.width;
  const auto query = read<float>(queries * shape.channels);
  const auto features = read<float>(references * shape.channels);
  const auto values = read<float>(references * shape.value_channels);
  const petsgan::PatchReference reference(shape, a.at(8), features.data(), values.data());
  petsgan::PatchTransferOptions options;
  options.temperature = static_cast<double>(a.at(9)) / 1e6;
  options.normalize = a.at(10) != 0;
  options.threads = static_cast<int>(a.at(11));
  std::vector<float> out(static_cast<std::size_t>(queries * shape.value_channels));
  std::vector<std::int32_t> index(static_cast<std::size_t>(queries));
  std::vector<float> weight(index.size());
  petsgan::patch_transfer({a.at(0), a.at(1), a.at(2), query.data()}, reference, options,
                          {out.data(), index.data(), weight.data()});
  write(out);
  write(index);
  write(weight);
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<void(const Arguments&)>> kernels = {
      {"simd", simd},
      {"normal_noise", normal_noise},
      {"resize_window", resize_window},
      {"signed_to_u8", signed_to_u8},
      {"texture_transfer", texture_transfer},
      {"patch_transfer", patch_transfer}};
  try {
    Arguments arguments;
    for (int i = 2; i < argc; ++i) arguments.push_back(std::stoll(argv[i]));
    kernels.at(argc > 1 ? argv[1] : "")(arguments);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
