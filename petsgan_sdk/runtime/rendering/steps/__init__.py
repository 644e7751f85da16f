"""What runs the steps of a bundle on the host: a file for each kind, named by `Step.runner`."""
