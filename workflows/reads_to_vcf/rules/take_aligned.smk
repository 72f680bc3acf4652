# A BAM or CRAM that was aligned before: the same read group, mates' scores and order as what is aligned here.
rule take_aligned:
    input:
        bam=lambda wildcards: UNITS[wildcards.sample, wildcards.unit]["bam"],
        reference=REFERENCE,
    output:
        temp("work/taken/{sample}.{unit}.bam"),
    log:
        "logs/take_aligned/{sample}.{unit}.log",
    params:
        group=lambda wildcards: "\\t".join(
            ("@RG", f"ID:{wildcards.sample}.{wildcards.unit}", f"SM:{wildcards.sample}", f"LB:{wildcards.sample}",
             f"PU:{wildcards.unit}", "PL:ILLUMINA")
        ),
        memory=config["sort_memory"],
    threads: config["threads"]
    conda:
        "../envs/tools.yaml"
    shell:
        "samtools view -u -F 0x900 -T {input.reference:q} {input.bam:q} 2> {log:q}"
        " | samtools sort -n -u -m {params.memory} -@ {threads} -T {output:q}.name - 2>> {log:q}"
        " | samtools fixmate -u -m - - 2>> {log:q}"
        " | samtools addreplacerg -u -w -m overwrite_all -r {params.group:q} - 2>> {log:q}"
        " | samtools sort -m {params.memory} -@ {threads} -T {output:q}.sort -o {output:q} - 2>> {log:q}"
