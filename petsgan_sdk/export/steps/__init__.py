"""What export does with the steps of a bundle: a file for each kind, named by `Step.exporter`."""
