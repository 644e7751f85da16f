"""What tests of several rooms share: small models and files, oracles, stand-ins, tolerances."""
