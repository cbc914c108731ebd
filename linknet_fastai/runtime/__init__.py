"The machine: device, number format, memory, several processes."
