# A unit's reads to the reference, with their read group, mates' scores filled in for the marking of duplicates, by position.
def to_align(wildcards):
    if not config["trim"]:
        return mates(wildcards.sample, wildcards.unit)
    stem = f"work/trimmed/{wildcards.sample}.{wildcards.unit}"
    ends = (".1", ".2") if len(mates(wildcards.sample, wildcards.unit)) == 2 else ("",)
    return [f"{stem}{end}.fastq.gz" for end in ends]


rule align:
    input:
        reads=to_align,
        checked="work/checked/{sample}.{unit}.json",
        reference=REFERENCE,
        index=f"{REFERENCE}.{'bwt.2bit.64' if config['aligner'] == 'bwa-mem2' else 'bwt'}",
    output:
        temp("work/units/{sample}.{unit}.bam"),
    log:
        "logs/align/{sample}.{unit}.log",
    params:
        program=config["aligner"],
        group=lambda wildcards: "\\t".join(
            ("@RG", f"ID:{wildcards.sample}.{wildcards.unit}", f"SM:{wildcards.sample}", f"LB:{wildcards.sample}",
             f"PU:{wildcards.unit}", "PL:ILLUMINA")
        ),
        memory=config["sort_memory"],
    threads: config["threads"]
    conda:
        "../envs/tools.yaml"
    shell:
        "{params.program:q} mem -K 10000000 -Y -t {threads} -R {params.group:q} {input.reference:q} {input.reads:q} 2> {log:q}"
        " | samtools fixmate -u -m - - 2>> {log:q}"
        " | samtools sort -m {params.memory} -@ {threads} -T {output:q}.sort -o {output:q} - 2>> {log:q}"
