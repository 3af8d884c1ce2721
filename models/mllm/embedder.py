TEXT_EMBEDDER_FOLDER="text-embedder"
