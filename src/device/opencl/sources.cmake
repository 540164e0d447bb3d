set(HADRON_OPENCL_DEVICE_SOURCES
    opencl/cl.cc
    opencl/opencl_device.cc
    opencl/opencl_stream.cc
    opencl/platforms.cc
)
