"""The decoder on an NVIDIA GPU: Triton kernels, packed weights, and a runner around CUDA graphs.

`decoder.CudaDecoder` is the door. It covers models of RMSNorm, rotary positions and SwiGLU, with biases on
q, k, v, norms of each query and key head, and sliding windows. `step.EagerDecoder` is the same computation
without graphs; under Triton's interpreter (TRITON_INTERPRET=1) it runs on a CPU, which is how it is tested
where there is no GPU. Import the modules themselves, when they are needed: all but `decoder` need `triton`,
which comes with torch's CUDA builds.
"""
