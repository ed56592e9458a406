// Runs one kernel of the file KERNEL_FILE on the host: host KERNEL GRID_X GRID_Y GRID_Z THREADS SHARED ARGUMENT…
// An argument is a number, `null`, or `FILE`, whose bytes are the buffer and which receives it back afterwards.
#include KERNEL_FILE

#include <cstdio>

static std::vector<char> contents(const std::string& path) {
    std::vector<char> bytes;
    std::FILE* file = std::fopen(path.c_str(), "rb");
    for (int byte; (byte = std::fgetc(file)) != EOF;) bytes.push_back((char)byte);
    std::fclose(file);
    return bytes;
}

int main(int count, char** words) {
    const std::string name = words[1];
    const Dim3 grid{(unsigned)std::atoi(words[2]), (unsigned)std::atoi(words[3]), (unsigned)std::atoi(words[4])};
    std::vector<Argument> arguments;
    std::vector<std::pair<std::string, std::size_t>> files;
    for (int i = 7; i < count; ++i) {
        const std::string word = words[i];
        Argument argument;
        std::size_t size = 0;
        if (word.find('/') != std::string::npos) {
            const std::vector<char> bytes = contents(word);
            size = bytes.size();
            argument.buffer = std::malloc(size);
            if (size) std::memcpy(argument.buffer, bytes.data(), size);
        } else if (word != "null") {
            argument.number = std::atoll(word.c_str());
        }
        arguments.push_back(argument);
        files.emplace_back(argument.buffer ? word : "", size);
    }
    bool found = false;
#define RUN(kernel)                                                                                         \
    if (name == #kernel) {                                                                                  \
        found = true;                                                                                       \
        launch(kernel, grid, (unsigned)std::atoi(words[5]), (std::size_t)std::atoll(words[6]), arguments);  \
    }
    MONARCH_KERNELS(RUN)
    if (!found) {
        std::fprintf(stderr, "no kernel named %s\n", name.c_str());
        return 2;
    }
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (files[i].first.empty()) continue;
        std::FILE* file = std::fopen(files[i].first.c_str(), "wb");
        std::fwrite(arguments[i].buffer, 1, files[i].second, file);
        std::fclose(file);
        std::free(arguments[i].buffer);
    }
    return 0;
}
