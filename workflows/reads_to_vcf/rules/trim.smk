# Adapters, poor ends and the quality report of a unit. Reads that end shorter than 30 bases are dropped.
rule trim_single:
    input:
        reads=lambda wildcards: mates(wildcards.sample, wildcards.unit),
        checked="work/checked/{sample}.{unit}.json",
    output:
        one=temp("work/trimmed/{sample}.{unit}.fastq.gz"),
        json="quality/{sample}.{unit}.fastp.json",
        html="quality/{sample}.{unit}.fastp.html",
    log:
        "logs/trim/{sample}.{unit}.log",
    threads: config["threads"]
    conda:
        "../envs/tools.yaml"
    shell:
        "fastp --in1 {input.reads:q} --out1 {output.one:q} --json {output.json:q} --html {output.html:q}"
        " --length_required 30 --thread {threads} 2> {log:q}"


rule trim_paired:
    input:
        reads=lambda wildcards: mates(wildcards.sample, wildcards.unit),
        checked="work/checked/{sample}.{unit}.json",
    output:
        one=temp("work/trimmed/{sample}.{unit}.1.fastq.gz"),
        two=temp("work/trimmed/{sample}.{unit}.2.fastq.gz"),
        json="quality/{sample}.{unit}.paired.fastp.json",
        html="quality/{sample}.{unit}.paired.fastp.html",
    log:
        "logs/trim/{sample}.{unit}.log",
    threads: config["threads"]
    conda:
        "../envs/tools.yaml"
    shell:
        "fastp --in1 {input.reads[0]:q} --in2 {input.reads[1]:q} --out1 {output.one:q} --out2 {output.two:q}"
        " --json {output.json:q} --html {output.html:q} --length_required 30 --thread {threads} 2> {log:q}"
