"""
The programs that logrecv is measured against, each as people write it.
"""
