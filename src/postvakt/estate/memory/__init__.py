"""Memory images of synthetic Windows servers: built from a description, in the formats in which memory is handed in.

`scenes.machine(server)` describes a server's memory, `image.build(machine)` builds it, `containers.write` writes it,
`truth.told(image)` says what is true of it, `damage` makes of it what comes from the field.
"""
