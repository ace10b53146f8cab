"""The image is built, and what deployments/compose.yaml describes is started from it: `make containers`.

No registry is needed: the base image is a Debian that mmdebstrap makes, and Postgres and Redis are Debian's.
"""
