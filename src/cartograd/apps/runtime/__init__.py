"""The slim runtime: an ONNX file of ours answers by onnxruntime, without torch.

Its own distribution, `cartograd-runtime`, holds these files and those that they need.
"""
